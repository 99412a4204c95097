/**
 * A histogram whose observations cost a few array writes. prom-client's own hashes the labels of
 * each observation, which every request would pay for; only the scrape pays here.
 *
 * @module
 */
import type { Metric, Registry } from "prom-client";

/** Upper bounds of the buckets, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The observations of one set of labels. */
export class Series {
  readonly #labels: Labels;
  /** Observations by bucket, not cumulated; the last one takes what is over all bounds. */
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  /** Takes one duration. */
  observe(milliseconds: number): void {
    const seconds = milliseconds / 1000;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  samples(name: string): Sample[] {
    const samples: Sample[] = [];
    let count = 0;
    this.#counts.forEach((inBucket, bucket) => {
      count += inBucket;
      const le = BOUNDS[bucket] ?? "+Inf";
      samples.push({ metricName: `${name}_bucket`, labels: { le, ...this.#labels }, value: count });
    });
    samples.push({ metricName: `${name}_sum`, labels: this.#labels, value: this.#sum });
    samples.push({ metricName: `${name}_count`, labels: this.#labels, value: count });
    return samples;
  }
}

/** Registers a histogram; returns what gives the series of a set of labels. */
export function timing(
  registry: Registry,
  name: string,
  help: string,
): (labels: Labels) => Series {
  const all = new Map<string, Series>();
  const metric = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    reset: () => all.clear(),
    get: () =>
      Promise.resolve({
        name,
        help,
        type: "histogram",
        aggregator: "sum",
        values: [...all.values()].flatMap((series) => series.samples(name)),
      }),
  };
  // The registry asks its metrics for these members only; its type names its own classes.
  registry.registerMetric(metric as unknown as Metric);
  return (labels) => {
    const id = JSON.stringify(labels);
    let series = all.get(id);
    if (series === undefined) {
      series = new Series(labels);
      all.set(id, series);
    }
    return series;
  };
}
