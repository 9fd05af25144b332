import { Counter as PromCounter, Gauge as PromGauge, Registry, collectDefaultMetrics } from 'prom-client';

import { PlainHistogram } from './histogram.ts';
import { labelGuard } from './label-guard.ts';
import type { LabelRule, LabelRules, Labels } from './label-guard.ts';
import { refuseBadMetric } from './metric-names.ts';

/** What a row of a metric table says. Times are in seconds and sizes in bytes, as Prometheus asks. */
export type MetricDef =
  | { readonly type: 'counter'; readonly help: string; readonly labels?: LabelRules }
  | { readonly type: 'gauge'; readonly help: string; readonly labels?: LabelRules }
  | { readonly type: 'histogram'; readonly help: string; readonly labels?: LabelRules; readonly buckets: readonly number[] };

type NamedDef<T extends MetricDef['type'], R extends LabelRules> = { readonly name: string; readonly labels?: R } & Omit<
  Extract<MetricDef, { type: T }>,
  'type' | 'labels'
>;

// A metric without labels takes none; one with labels takes all of them.
type Args<R extends LabelRules, Rest extends unknown[]> = [keyof R] extends [never] ? Rest : [labels: Labels<R>, ...rest: Rest];

export interface Counter<R extends LabelRules = LabelRules> {
  inc(...args: Args<R, [by?: number]>): void;
  /** The same counter with its labels chosen once: for hot paths, half the cost of `inc` with labels. */
  bind(labels: Labels<R>): { inc(by?: number): void };
  /** Adds what a source has counted since the last reading, when metrics are read: nothing is paid per event. `read` gives running totals. */
  follow(...args: Args<R, [read: () => number]>): void;
}

export interface Gauge<R extends LabelRules = LabelRules> {
  set(...args: Args<R, [value: number]>): void;
  inc(...args: Args<R, [by?: number]>): void;
  dec(...args: Args<R, [by?: number]>): void;
  /** Asks `read` whenever metrics are read, instead of being told. */
  follow(...args: Args<R, [read: () => number]>): void;
}

export interface Histogram<R extends LabelRules = LabelRules> {
  observe(...args: Args<R, [value: number]>): void;
  bind(labels: Labels<R>): { observe(value: number): void };
}

export interface Metrics {
  readonly registry: Registry;
  counter<R extends LabelRules = Record<never, LabelRule>>(def: NamedDef<'counter', R>): Counter<R>;
  gauge<R extends LabelRules = Record<never, LabelRule>>(def: NamedDef<'gauge', R>): Gauge<R>;
  histogram<R extends LabelRules = Record<never, LabelRule>>(def: NamedDef<'histogram', R>): Histogram<R>;
  /** Everything in the Prometheus text format; its media type is `registry.contentType`. */
  render(): Promise<string>;
}

// prom-client calls these gauges `_total`, which promtool refuses; open descriptors say the same.
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** A registry of its own with the figures of this process; `process: false` leaves those out (tests, a second registry). */
export function createMetrics(options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.process !== false) {
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  const before: (() => void)[] = [];
  return {
    registry,
    counter: (def) => openCounter(registry, before, def),
    gauge: (def) => openGauge(registry, before, def),
    histogram: (def) => openHistogram(registry, def),
    async render() {
      for (const read of before) read();
      return registry.metrics();
    },
  };
}

type Instrument<D extends MetricDef> = D extends { type: 'counter' }
  ? Counter<RulesOf<D>>
  : D extends { type: 'gauge' }
    ? Gauge<RulesOf<D>>
    : Histogram<RulesOf<D>>;
type RulesOf<D extends MetricDef> = D extends { labels: infer R extends LabelRules } ? R : Record<never, LabelRule>;

/** Opens every row of a service's table; the keys of the table are the metric names. */
export function defineMetrics<const T extends Readonly<Record<string, MetricDef>>>(metrics: Metrics, table: T): { readonly [K in keyof T]: Instrument<T[K]> } {
  const opened: Record<string, unknown> = {};
  for (const [name, def] of Object.entries(table)) {
    if (def.type === 'counter') opened[name] = metrics.counter({ ...def, name });
    else if (def.type === 'gauge') opened[name] = metrics.gauge({ ...def, name });
    else opened[name] = metrics.histogram({ ...def, name });
  }
  return opened as { readonly [K in keyof T]: Instrument<T[K]> };
}

type AnyLabels = Readonly<Record<string, string>>;
type LooseArgs<V> = [V] | [AnyLabels, V] | [] | [AnyLabels];

function openCounter<R extends LabelRules>(registry: Registry, before: (() => void)[], def: NamedDef<'counter', R>): Counter<R> {
  refuseBadMetric(def.name, 'counter', def.help, def.labels);
  const guard = labelGuard(def.labels);
  const inner = new PromCounter({ name: def.name, help: def.help, labelNames: Object.keys(def.labels ?? {}), registers: [registry] });
  const loose = {
    inc(...args: LooseArgs<number>): void {
      const [labels, by] = split(args);
      inner.inc(guard(labels), by ?? 1);
    },
    bind(labels: AnyLabels) {
      const child = inner.labels(guard(labels));
      return { inc: (by = 1): void => child.inc(by) };
    },
    follow(...args: LooseArgs<() => number>): void {
      const [labels, read] = split(args);
      const child = inner.labels(guard(labels));
      let seen = 0;
      before.push(() => {
        const now = read?.() ?? 0;
        // A source that began anew (its owner was replaced) counts from zero again.
        child.inc(now >= seen ? now - seen : now);
        seen = now;
      });
    },
  };
  return loose as Counter<R>;
}

function openGauge<R extends LabelRules>(registry: Registry, before: (() => void)[], def: NamedDef<'gauge', R>): Gauge<R> {
  refuseBadMetric(def.name, 'gauge', def.help, def.labels);
  const guard = labelGuard(def.labels);
  const inner = new PromGauge({ name: def.name, help: def.help, labelNames: Object.keys(def.labels ?? {}), registers: [registry] });
  const loose = {
    set(...args: LooseArgs<number>): void {
      const [labels, value] = split(args);
      inner.set(guard(labels), value ?? 0);
    },
    inc(...args: LooseArgs<number>): void {
      const [labels, by] = split(args);
      inner.inc(guard(labels), by ?? 1);
    },
    dec(...args: LooseArgs<number>): void {
      const [labels, by] = split(args);
      inner.dec(guard(labels), by ?? 1);
    },
    follow(...args: LooseArgs<() => number>): void {
      const [labels, read] = split(args);
      const child = inner.labels(guard(labels));
      before.push(() => child.set(read?.() ?? 0));
    },
  };
  return loose as Gauge<R>;
}

function openHistogram<R extends LabelRules>(registry: Registry, def: NamedDef<'histogram', R>): Histogram<R> {
  refuseBadMetric(def.name, 'histogram', def.help, def.labels);
  const guard = labelGuard(def.labels);
  const inner = new PlainHistogram(registry, def);
  if (Object.keys(def.labels ?? {}).length === 0) inner.with({});
  const loose = {
    observe(...args: LooseArgs<number>): void {
      const [labels, value] = split(args);
      inner.with(guard(labels)).observe(value ?? 0);
    },
    bind(labels: AnyLabels) {
      return inner.with(guard(labels));
    },
  };
  return loose as Histogram<R>;
}

function split<V>(args: LooseArgs<V>): [AnyLabels, V | undefined] {
  const [first, second] = args;
  return typeof first === 'object' && first !== null ? [first as AnyLabels, second as V | undefined] : [{}, first as V | undefined];
}
