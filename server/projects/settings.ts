/**
 * The one registry of a project's settings: name, type, default, bounds and meaning of each. What
 * a project has patched lies in its row; everything else is the default of the running version.
 *
 * @module
 */
import { z } from "zod";
import { FluxbaseError } from "../errors.ts";

interface SettingEntry<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly default: z.output<Schema>;
  /** What the schema takes, in words: for error texts and the reference table. */
  readonly bounds: string;
  readonly meaning: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1_048_576;
const MAX_ORIGINS = 100;

function integer(
  minimum: number,
  maximum: number,
  initial: number,
  meaning: string,
): SettingEntry<z.ZodInt> {
  const bounds = `an integer from ${grouped(minimum)} to ${grouped(maximum)}`;
  return { schema: z.int().min(minimum).max(maximum), default: initial, bounds, meaning };
}

/** A browser's way of writing an origin, so that comparing two is comparing their texts. */
const origin = z.string().max(255).refine((text) => text === "*" || isOrigin(text));

/** The registry. A new setting is a new entry here and nothing else. */
export const SETTINGS = {
  statementTimeoutMs: integer(
    1,
    DAY_MS,
    30_000,
    "Milliseconds that a statement may run when its request names no time-out; " +
      "never more than the maximum that holds for the request",
  ),
  maxStatementTimeoutMs: integer(
    1,
    DAY_MS,
    30_000,
    "The longest time-out that a request may ask for; " +
      "holds for end users and for every key without `sql:ddl`",
  ),
  maxLongStatementTimeoutMs: integer(
    1,
    DAY_MS,
    HOUR_MS,
    "The same for keys with `sql:ddl` and for streamed results",
  ),
  maxRows: integer(
    1,
    1_000_000,
    10_000,
    "Rows of one answer; more are cut off and `truncated` says so. Streams are not cut",
  ),
  maxBytes: integer(
    1_024,
    256 * MIB,
    10 * MIB,
    "Bytes of one answer as they come from the database; more are cut off and `truncated` says so",
  ),
  corsOrigins: {
    schema: z.array(origin).max(MAX_ORIGINS).readonly(),
    default: [],
    bounds: `at most ${MAX_ORIGINS} origins such as "https://app.example.com", or "*" for all`,
    meaning: "Origins whose pages may call the project, beside those of `CORS_ORIGINS`",
  } satisfies SettingEntry<z.ZodType<readonly string[]>>,
  allowSecretKeysInBrowsers: {
    schema: z.boolean(),
    default: false,
    bounds: "true or false",
    meaning: "Whether a browser's request may use a secret key that may write",
  } satisfies SettingEntry<z.ZodBoolean>,
} as const;

export type SettingName = keyof typeof SETTINGS;

/** Every setting with the value in force. */
export type Settings = {
  readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]["schema"]>;
};

/** What a project has changed; the rest is default. */
export type SettingsOverlay = Readonly<Partial<Record<SettingName, unknown>>>;

/** Names in the order of the registry. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/**
 * The overlay with a patch applied; `null` puts a setting back to its default. All of the patch or
 * nothing of it: throws `SETTING_INVALID` that names the setting, the value and the bounds.
 */
export function patchSettings(
  overlay: SettingsOverlay,
  patch: Readonly<Record<string, unknown>>,
): SettingsOverlay {
  const patched: Partial<Record<SettingName, unknown>> = { ...overlay };
  for (const [name, value] of Object.entries(patch)) {
    if (!isSettingName(name)) {
      throw new FluxbaseError(
        "SETTING_INVALID",
        `No setting is called "${shortened(name)}"; there are ${SETTING_NAMES.join(", ")}`,
      );
    }
    if (value === null) {
      delete patched[name];
      continue;
    }
    const { schema, bounds } = SETTINGS[name];
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw new FluxbaseError(
        "SETTING_INVALID",
        `Setting "${name}" cannot be ${shortened(JSON.stringify(value))}: it takes ${bounds}`,
      );
    }
    patched[name] = parsed.data;
  }
  return patched;
}

/**
 * The settings in force: defaults overlaid by what was patched. A stored value that this version
 * no longer takes (its bounds have changed, or it was removed) falls back to the default.
 */
export function settingsOf(overlay: SettingsOverlay): Settings {
  const entries = SETTING_NAMES.map((name) => {
    const { schema, default: initial } = SETTINGS[name];
    const value = overlay[name];
    if (value === undefined) return [name, initial];
    const parsed = schema.safeParse(value);
    return [name, parsed.success ? parsed.data : initial];
  });
  return Object.freeze(Object.fromEntries(entries)) as Settings;
}

/**
 * Milliseconds that a request's statement may run. `long` marks keys with `sql:ddl` and streams.
 * Throws `BAD_REQUEST` when the request asks for more than the project's maximum.
 */
export function statementTimeout(
  settings: Settings,
  request: { readonly askedMs?: number | undefined; readonly long: boolean },
): number {
  const name = request.long ? "maxLongStatementTimeoutMs" : "maxStatementTimeoutMs";
  const maximum = settings[name];
  if (request.askedMs === undefined) return Math.min(settings.statementTimeoutMs, maximum);
  if (request.askedMs <= maximum) return request.askedMs;
  throw new FluxbaseError(
    "BAD_REQUEST",
    `Time-out of ${request.askedMs} ms is more than the ${maximum} ms of the project's ` +
      `setting "${name}"`,
  );
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function shortened(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
