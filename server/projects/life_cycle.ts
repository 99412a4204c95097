/**
 * The life-cycle of a project: what its states are, what leads from one to the next, and what
 * always holds.
 *
 * ```
 * absent --create--> creating --created--> ready --delete--> deleting --removed--> absent
 *                       |                                       ^
 *                       +-------- failed, delete ---------------+
 * ```
 *
 * Invariants (the tests cite the numbers):
 *
 * 1. Only a `ready` project answers; in every other state `open` throws `PROJECT_UNAVAILABLE`, or
 *    `PROJECT_NOT_FOUND` when it is absent, in every process within a second.
 * 2. A project's row is written before anything is made on its server, and is the last thing to
 *    go: whatever exists on a server has a row that leads to it.
 * 3. One process at a time works on a project's database: it holds an advisory lock on the
 *    project's token, which the database frees at once when the process dies.
 * 4. A worker's outcome counts only while the row still has the token, the state and the attempt
 *    that the worker took up; a late one changes nothing.
 * 5. Every step may be repeated. Whatever process dies at whatever step, the row stays in
 *    `creating` or `deleting`, and any live process finishes the work.
 * 6. A project's keys go in the transaction that makes it `deleting`, and only a `ready` project
 *    is given keys.
 * 7. An id is free again only when no process can still hold anything of its last owner in memory:
 *    the row stays for twice the lease of such memories after the deletion.
 * 8. A creation that failed leaves nothing: it is removed like any other project.
 *
 * @module
 */
import type { ErrorCode } from "../errors.ts";

/** `absent` is a project without a row. */
export const PROJECT_STATES = ["absent", "creating", "ready", "deleting"] as const;
export type ProjectState = typeof PROJECT_STATES[number];

/**
 * `create` and `delete` are asked for by the administrator; `created`, `failed` and `removed` are
 * a worker's outcomes.
 */
export const PROJECT_EVENTS = ["create", "created", "failed", "delete", "removed"] as const;
export type ProjectEvent = typeof PROJECT_EVENTS[number];

/** What an event does: leads to a state, is refused with a code, or changes nothing. */
export type Transition =
  | { readonly to: ProjectState }
  | { readonly refuse: ErrorCode }
  | "ignore";

const to = (state: ProjectState): Transition => ({ to: state });
const refuse = (code: ErrorCode): Transition => ({ refuse: code });

/** Every event in every state. */
export const TRANSITIONS: Readonly<
  Record<ProjectState, Readonly<Record<ProjectEvent, Transition>>>
> = {
  absent: {
    create: to("creating"),
    created: "ignore",
    failed: "ignore",
    delete: refuse("PROJECT_NOT_FOUND"),
    removed: "ignore",
  },
  creating: {
    create: refuse("PROJECT_EXISTS"),
    created: to("ready"),
    failed: to("deleting"),
    delete: to("deleting"),
    removed: "ignore",
  },
  ready: {
    create: refuse("PROJECT_EXISTS"),
    created: "ignore",
    failed: "ignore",
    delete: to("deleting"),
    removed: "ignore",
  },
  deleting: {
    create: refuse("PROJECT_UNAVAILABLE"),
    created: "ignore",
    failed: "ignore",
    delete: "ignore",
    removed: to("absent"),
  },
};

/** The stored states from which an event leads on: the condition of the statement that does it. */
export function statesLeftBy(event: ProjectEvent): ProjectState[] {
  return PROJECT_STATES.filter((state) => {
    const transition = TRANSITIONS[state][event];
    return typeof transition === "object" && "to" in transition;
  });
}

/** The code with which a state refuses an event; undefined where it does not. */
export function refusalOf(state: ProjectState, event: ProjectEvent): ErrorCode | undefined {
  const transition = TRANSITIONS[state][event];
  return typeof transition === "object" && "refuse" in transition ? transition.refuse : undefined;
}
