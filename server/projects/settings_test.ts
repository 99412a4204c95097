import { deepEqual, equal, throws } from "node:assert/strict";
import {
  patchSettings,
  SETTING_NAMES,
  SETTINGS,
  settingsOf,
  statementTimeout,
} from "./settings.ts";

Deno.test("every setting's default keeps its own bounds", () => {
  for (const name of SETTING_NAMES) {
    const { schema, default: initial } = SETTINGS[name];
    deepEqual(schema.parse(initial), initial, name);
  }
});

Deno.test("a project that patched nothing has the defaults", () => {
  deepEqual(settingsOf({}), {
    statementTimeoutMs: 30_000,
    maxStatementTimeoutMs: 30_000,
    maxLongStatementTimeoutMs: 3_600_000,
    maxRows: 10_000,
    maxBytes: 10_485_760,
    corsOrigins: [],
    allowSecretKeysInBrowsers: false,
  });
});

Deno.test("a patch changes what it names, and null puts a default back", () => {
  const overlay = patchSettings({ maxRows: 5 }, { maxBytes: 2_048, maxRows: null });
  deepEqual(overlay, { maxBytes: 2_048 });
  equal(settingsOf(overlay).maxRows, 10_000);
});

Deno.test("an unknown setting is refused by its name", () => {
  throws(() => patchSettings({}, { maxRow: 5 }), {
    code: "SETTING_INVALID",
    message: /^No setting is called "maxRow"; there are statementTimeoutMs, /,
  });
});

Deno.test("names of Object's prototype are unknown settings", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    const patch = JSON.parse(`{${JSON.stringify(name)}: 1}`);
    throws(() => patchSettings({}, patch), { code: "SETTING_INVALID" });
  }
});

Deno.test("a value out of its bounds is refused with setting, value and bounds", () => {
  for (const value of [0, 1_000_001, 1.5, "5", true, {}, []]) {
    throws(() => patchSettings({}, { maxRows: value }), {
      code: "SETTING_INVALID",
      message: `Setting "maxRows" cannot be ${JSON.stringify(value)}: ` +
        "it takes an integer from 1 to 1,000,000",
    });
  }
});

Deno.test("a patch with one bad value changes nothing", () => {
  const overlay = { maxRows: 5 };
  throws(() => patchSettings(overlay, { maxRows: 6, maxBytes: 0 }), { code: "SETTING_INVALID" });
  deepEqual(overlay, { maxRows: 5 });
});

Deno.test("an origin is taken as a browser writes it, or as * for all", () => {
  const good = ["https://app.example.com", "http://localhost:5173", "*"];
  deepEqual(settingsOf(patchSettings({}, { corsOrigins: good })).corsOrigins, good);
  for (
    const bad of ["https://a.example/", "https://a.example/x", "HTTPS://a.example", "a.example", ""]
  ) {
    throws(() => patchSettings({}, { corsOrigins: [bad] }), { code: "SETTING_INVALID" }, bad);
  }
});

Deno.test("a stored value that this version no longer takes falls back to the default", () => {
  equal(settingsOf({ maxRows: -1 }).maxRows, 10_000);
  equal(Object.hasOwn(settingsOf({ gone: 1 } as object), "gone"), false);
});

Deno.test("a request without a time-out gets the project's, under the maximum that holds", () => {
  const settings = settingsOf({ statementTimeoutMs: 40_000 });
  equal(statementTimeout(settings, { long: false }), 30_000);
  equal(statementTimeout(settings, { long: true }), 40_000);
});

Deno.test("a request may ask for a time-out up to the project's maximum and no more", () => {
  const settings = settingsOf({});
  equal(statementTimeout(settings, { askedMs: 30_000, long: false }), 30_000);
  equal(statementTimeout(settings, { askedMs: 3_600_000, long: true }), 3_600_000);
  throws(() => statementTimeout(settings, { askedMs: 30_001, long: false }), {
    code: "BAD_REQUEST",
    message: "Time-out of 30001 ms is more than the 30000 ms of the project's setting " +
      '"maxStatementTimeoutMs"',
  });
});
