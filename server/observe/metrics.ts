/**
 * What `/metrics` shows. Labels are bounded: routes are templates, codes come from the registry;
 * nothing that a caller chooses becomes a label.
 *
 * @module
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { type Series, timing } from "./timing.ts";

/** How a statement ended: `ok`, or the code of its error. */
export type Outcome = string;

/** What happened so often, and how long it took. */
interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  readonly series: Series;
  count: number;
}

/** One process's figures. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Map<string, Tally>();
  readonly #statements = new Map<string, Tally>();
  readonly #requestSeconds = timing(
    this.#registry,
    "http_request_duration_seconds",
    "Time from a request's first line to its answer's headers",
  );
  readonly #statementSeconds = timing(
    this.#registry,
    "sql_statement_duration_seconds",
    "Time that a statement took, waiting for a connection included",
  );

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#count("http_requests_total", "Answered HTTP requests", this.#requests, [
      "route",
      "method",
      "status",
    ]);
    this.#count(
      "sql_statements_total",
      "SQL statements by class (read, write, ddl; none where they failed) and outcome",
      this.#statements,
      ["class", "outcome"],
    );
  }

  /** Counts an answered request; `route` is a template such as `/api/projects/:id`. */
  request(route: string, method: string, status: number, milliseconds: number): void {
    let tally = this.#requests.get(`${route} ${method} ${status}`);
    if (tally === undefined) {
      // A method is the caller's own word: unknown ones share one tally.
      if (!KNOWN_METHODS.has(method)) return this.request(route, "other", status, milliseconds);
      const labels = { route, method, status: String(status) };
      tally = { labels, series: this.#requestSeconds({ route }), count: 0 };
      this.#requests.set(`${route} ${method} ${status}`, tally);
    }
    tally.count++;
    tally.series.observe(milliseconds);
  }

  /** Counts a statement. */
  statement(statementClass: string, outcome: Outcome, milliseconds: number): void {
    const id = `${statementClass} ${outcome}`;
    let tally = this.#statements.get(id);
    if (tally === undefined) {
      const series = this.#statementSeconds({ class: statementClass });
      tally = { labels: { class: statementClass, outcome }, series, count: 0 };
      this.#statements.set(id, tally);
    }
    tally.count++;
    tally.series.observe(milliseconds);
  }

  /** Shows one figure, asked for at each scrape. */
  watch(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }

  /** Prometheus' text form and its content type. */
  async text(): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #count(
    name: string,
    help: string,
    tallies: ReadonlyMap<string, Tally>,
    labelNames: readonly string[],
  ): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { labels, count } of tallies.values()) this.inc(labels, count);
      },
    });
  }
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(
  ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"],
);
