/**
 * What a service for tests looks like: one file a service, each with the same shape.
 *
 * @module
 */

/** How the test task wants its services. */
export interface ServiceOptions {
  /** Whether a missing program may be installed. */
  readonly install: boolean;
  /** Says one line to whoever runs the tests. */
  readonly say: (line: string) => void;
}

/** A service that the suites can use. */
export interface RunningService {
  /** Variables that tell the suites of it. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A service that this machine cannot give: its suites skip. */
export interface MissingService {
  /** What is lacking and how to get it. */
  readonly missing: string;
}

/** A kind of service. */
export interface Service {
  readonly name: string;
  start(options: ServiceOptions): Promise<RunningService | MissingService>;
}

/** A service that the environment names already: used as it is, and left running. */
export function given(variable: string): RunningService | undefined {
  const value = Deno.env.get(variable);
  if (!value) return undefined;
  return { environment: { [variable]: value }, stop: () => Promise.resolve() };
}
