/**
 * One walk over all nodes of a statement. Each kind of node has a rule or is known to need none;
 * a kind that is neither is refused by its name, so that what a later PostgreSQL brings is shut
 * until somebody has looked at it.
 *
 * @module
 */
import type { StatementClass } from "../../database.ts";
import { Complexity, MAX_DEPTH } from "./complexity.ts";
import { wider } from "./outcome.ts";
import { childOf, type Fields } from "./tree.ts";

/** Gives each of these kinds of node, separated by space, the same rule. */
export function tagged(tags: string, rule: NodeRule): [string, NodeRule][] {
  return tags.trim().split(/\s+/).map((tag) => [tag, rule]);
}

/** Where the walk stands. */
export interface Place {
  /** Kind of the node above. */
  readonly parent: string;
  /** Whether the node stands in a field that can hold several kinds. */
  readonly wrapped: boolean;
}

/** Looks at one node; refuses it through the walk. Children are visited after it. */
export type Rule = (node: Fields, walk: Walk, place: Place) => void;

/** `plain`: only what is below matters; `leaf`: nothing below matters. */
export type NodeRule = Rule | "plain" | "leaf";

/** Rules by kind of node. */
export type Rules = ReadonlyMap<string, NodeRule>;

/** Different roles of one statement; a project has six. */
const MAX_ROLES = 16;

/** Thrown by a walk. The location is a byte offset into the text. */
export class Refusing extends Error {
  override readonly name = "Refusing";
  readonly location: number | undefined;

  constructor(message: string, location: number | undefined) {
    super(message);
    this.location = location;
  }
}

/** A remark with the byte offset that it is about. */
export interface Remark {
  readonly text: string;
  readonly location: number | undefined;
}

/** Collects what a statement is and needs. */
export class Walk {
  class: StatementClass = "read";
  transactional = true;
  explain = false;
  /** Why end users may not run it: the first reason met. */
  endUsers: Remark | undefined;
  /** Roles named by GRANT, REVOKE and policies. */
  readonly roles: Remark[] = [];
  /** Builtin functions that may not be called. */
  readonly forbiddenFunctions: ReadonlySet<string>;
  readonly #rules: Rules;
  readonly #complexity = new Complexity();
  #location: number | undefined;
  #depth = 0;

  constructor(rules: Rules, forbiddenFunctions: ReadonlySet<string>) {
    this.#rules = rules;
    this.forbiddenFunctions = forbiddenFunctions;
  }

  /** Refuses the statement. Without a location, that of the nearest node above is meant. */
  refuse(message: string, location?: number): never {
    throw new Refusing(message, location ?? this.#location);
  }

  /** Refuses where there is a problem. */
  refuseIf(problem: string | undefined): void {
    if (problem !== undefined) this.refuse(problem);
  }

  /** Raises the statement's class. */
  needs(least: StatementClass): void {
    this.class = wider(this.class, least);
  }

  /** Closes the statement to end users. */
  notForEndUsers(text: string): void {
    this.endUsers ??= { text, location: this.#location };
  }

  /** Remembers a role that is to be the project's own. */
  role(name: string): void {
    if (this.roles.some(({ text }) => text === name)) return;
    this.roles.push({ text: name, location: this.#location });
    if (this.roles.length > MAX_ROLES) {
      this.refuse("The statement names more roles than a project has");
    }
  }

  star(): void {
    this.#tooMuch(this.#complexity.addStar());
  }

  /** Visits a node and everything below it. */
  visit(tag: string, fields: Fields, place: Place): void {
    const outer = this.#location;
    const own = fields["location"];
    if (typeof own === "number" && own >= 0) this.#location = own;
    if (++this.#depth > MAX_DEPTH) this.refuse("The statement nests too deep");
    const rule = this.#rules.get(tag);
    if (rule === undefined) this.refuse(`${spoken(tag)} is not allowed`);
    this.#tooMuch(this.#complexity.add(tag, fields));
    if (typeof rule === "function") rule(fields, this, place);
    if (rule !== "leaf") {
      for (const name of Object.keys(fields)) this.#descend(tag, name, fields[name]);
    }
    this.#depth--;
    this.#location = outer;
  }

  /** To be called once all is visited. */
  finish(): void {
    this.#tooMuch(this.#complexity.total());
  }

  #descend(parent: string, field: string, value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.#descend(parent, field, item);
      return;
    }
    const child = childOf(parent, field, value);
    if (child === undefined) return;
    this.visit(child.tag, child.fields, { parent, wrapped: child.wrapped });
  }

  #tooMuch(limit: string | undefined): void {
    if (limit !== undefined) this.refuse(`The statement is too large to plan: it has ${limit}`);
  }
}

/** `CreateRoleStmt` as `CREATE ROLE`, `XmlExpr` as `XmlExpr`. */
function spoken(tag: string): string {
  const known = SPOKEN[tag];
  if (known !== undefined) return known;
  if (!tag.endsWith("Stmt")) return `"${tag}"`;
  return tag.slice(0, -4).replace(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
}

/** Commands whose node's name says too little. */
const SPOKEN: Readonly<Record<string, string>> = {
  AlterEnumStmt: "ALTER TYPE",
  AlterEventTrigStmt: "ALTER EVENT TRIGGER",
  AlterObjectDependsStmt: "ALTER … DEPENDS ON EXTENSION",
  AlterObjectSchemaStmt: "ALTER … SET SCHEMA",
  AlterOwnerStmt: "ALTER … OWNER TO",
  AlterRoleSetStmt: "ALTER ROLE … SET",
  AlterTableMoveAllStmt: "ALTER … ALL IN TABLESPACE",
  AlterTSConfigurationStmt: "ALTER TEXT SEARCH CONFIGURATION",
  AlterTSDictionaryStmt: "ALTER TEXT SEARCH DICTIONARY",
  CheckPointStmt: "CHECKPOINT",
  ClosePortalStmt: "CLOSE",
  ConstraintsSetStmt: "SET CONSTRAINTS",
  CreateAmStmt: "CREATE ACCESS METHOD",
  CreatedbStmt: "CREATE DATABASE",
  CreateEventTrigStmt: "CREATE EVENT TRIGGER",
  CreateFdwStmt: "CREATE FOREIGN DATA WRAPPER",
  CreateForeignServerStmt: "CREATE SERVER",
  CreatePLangStmt: "CREATE LANGUAGE",
  CreateTableSpaceStmt: "CREATE TABLESPACE",
  CurrentOfExpr: "WHERE CURRENT OF",
  DeallocateStmt: "DEALLOCATE",
  DeclareCursorStmt: "DECLARE CURSOR",
  DropdbStmt: "DROP DATABASE",
  GrantRoleStmt: "GRANT or REVOKE of a role",
  RangeTableFunc: "XMLTABLE",
  RuleStmt: "CREATE RULE",
  SecLabelStmt: "SECURITY LABEL",
  TransactionStmt: "Transaction control",
  VariableSetStmt: "SET or RESET",
  VariableShowStmt: "SHOW",
  XmlExpr: "The type xml",
  XmlSerialize: "The type xml",
};
