/**
 * The SQL editor: CodeMirror 6 inside a shadow root, where it mounts its styles as constructed
 * sheets; the page's content security policy allows no style elements.
 *
 * @module
 */
import {
  autocompletion,
  closeBrackets,
  closeCompletion,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { PostgreSQL, sql, type SQLNamespace } from "@codemirror/lang-sql";
import {
  bracketMatching,
  HighlightStyle,
  syntaxHighlighting,
  syntaxTree,
} from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { offsetOf, wordEnd } from "./positions.ts";

/** A piece of the editor's text that is sent as one statement. */
export interface Piece {
  readonly text: string;
  /** Where it begins in the whole text. */
  readonly from: number;
}

/** What the panel does with the editor. */
export interface SqlEditor {
  /** The selection, else the statement under the cursor; puts an open completion away. */
  current(): Piece;
  /** Marks the place of an error in a piece; without a position the mark is taken away. */
  mark(piece: Piece, error?: { readonly position: number; readonly message: string }): void;
  /** Completes by these tables and columns. */
  complete(schema: SQLNamespace): void;
  destroy(): void;
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "14px", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-gutters": {
    backgroundColor: "var(--surface)",
    color: "var(--muted)",
    border: "none",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--raised)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--line)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
});

/** Makes an editor inside `host`; `onrun` is called by Ctrl-Enter, or Cmd-Enter on a Mac. */
export function createEditor(
  host: HTMLElement,
  options: { readonly text: string; readonly onrun: () => void },
): SqlEditor {
  const language = new Compartment();
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const run = () => {
    options.onrun();
    return true;
  };
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: options.text,
      selection: { anchor: options.text.length },
      extensions: [
        keymap.of([{ key: "Mod-Enter", run }]),
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false }),
        keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        language.of(sql({ dialect: PostgreSQL, upperCaseKeywords: true })),
        syntaxHighlighting(colours),
        theme,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "SQL" }),
      ],
    }),
  });
  return {
    current() {
      closeCompletion(view);
      return pieceAt(view.state);
    },
    mark(piece, error) {
      if (error === undefined) return view.dispatch(setDiagnostics(view.state, []));
      const from = offsetOf(piece.text, error.position);
      view.dispatch(setDiagnostics(view.state, [{
        from: piece.from + from,
        to: piece.from + wordEnd(piece.text, from),
        severity: "error",
        message: error.message,
      }]));
    },
    complete(schema) {
      view.dispatch({
        effects: language.reconfigure(
          sql({ dialect: PostgreSQL, schema, upperCaseKeywords: true }),
        ),
      });
    },
    destroy: () => view.destroy(),
  };
}

function pieceAt(state: EditorState): Piece {
  const { main } = state.selection;
  if (!main.empty) return { text: state.sliceDoc(main.from, main.to), from: main.from };
  const statements = syntaxTree(state).topNode.getChildren("Statement");
  // Behind the end of a statement the cursor still means it, not the next one.
  const under = statements.findLast(({ from }) => from <= main.head) ?? statements[0];
  if (under === undefined) return { text: state.doc.toString(), from: 0 };
  return { text: state.sliceDoc(under.from, under.to), from: under.from };
}
