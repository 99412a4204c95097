import { deepEqual, equal } from "node:assert/strict";
import {
  PROJECT_EVENTS,
  PROJECT_STATES,
  refusalOf,
  statesLeftBy,
  TRANSITIONS,
} from "./life_cycle.ts";

Deno.test("the life-cycle says what every event does in every state", () => {
  for (const state of PROJECT_STATES) {
    deepEqual(Object.keys(TRANSITIONS[state]), [...PROJECT_EVENTS], state);
  }
});

Deno.test("a project leads from absent over ready back to absent, and from no state elsewhere", () => {
  const edges = PROJECT_STATES.flatMap((state) =>
    PROJECT_EVENTS.flatMap((event) => {
      const transition = TRANSITIONS[state][event];
      return typeof transition === "object" && "to" in transition
        ? [`${state} --${event}--> ${transition.to}`]
        : [];
    })
  );
  deepEqual(edges, [
    "absent --create--> creating",
    "creating --created--> ready",
    "creating --failed--> deleting",
    "creating --delete--> deleting",
    "ready --delete--> deleting",
    "deleting --removed--> absent",
  ]);
});

Deno.test("the outcome of a creation counts in creating alone (invariant 4)", () => {
  deepEqual(statesLeftBy("created"), ["creating"]);
  deepEqual(statesLeftBy("failed"), ["creating"]);
  deepEqual(statesLeftBy("removed"), ["deleting"]);
});

Deno.test("an id that is taken or not yet free is refused to a creation (invariant 7)", () => {
  equal(refusalOf("creating", "create"), "PROJECT_EXISTS");
  equal(refusalOf("ready", "create"), "PROJECT_EXISTS");
  equal(refusalOf("deleting", "create"), "PROJECT_UNAVAILABLE");
  equal(refusalOf("absent", "create"), undefined);
});
