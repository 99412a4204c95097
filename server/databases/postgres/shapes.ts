/**
 * What a PostgreSQL type is made of, as far as JSON cares: the one description from which values
 * are decoded and parameters encoded.
 *
 * @module
 */

/** How a type without parts stands in JSON; the table in `server/README.md` says it in full. */
export type ScalarKind =
  | "text"
  | "bool"
  | "integer"
  | "float"
  | "json"
  | "bytea"
  | "timestamp"
  | "timestamptz"
  | "void";

/** A type without parts. */
export interface ScalarShape {
  readonly kind: ScalarKind;
}

/** An array of any number of dimensions: PostgreSQL's types do not say how many. */
export interface ArrayShape {
  readonly kind: "array";
  readonly element: Shape;
  /** Between elements: `;` for arrays of `box`, `,` for all others. */
  readonly delimiter: string;
}

/** A row type. */
export interface CompositeShape {
  readonly kind: "composite";
  readonly fields: readonly { readonly name: string; readonly shape: Shape }[];
}

/** A domain has the shape of its base type. */
export type Shape = ScalarShape | ArrayShape | CompositeShape;

/** A type: its name in `columns` and its shape. */
export interface TypeEntry {
  readonly name: string;
  readonly shape: Shape;
}

/** The array type over an element type. */
export function arrayOf(element: TypeEntry, delimiter = ","): TypeEntry {
  return {
    name: `${element.name}[]`,
    shape: { kind: "array", element: element.shape, delimiter },
  };
}

/** Whether a row type is among its parts: the only kind of type that DDL can change. */
export function holdsComposite(shape: Shape): boolean {
  return shape.kind === "composite" ||
    (shape.kind === "array" && holdsComposite(shape.element));
}
