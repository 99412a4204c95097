/**
 * A worker that never comes up.
 *
 * @module
 */

throw new Error("Unable on purpose");
