import type { LabelRules } from './label-guard.ts';

const SNAKE_CASE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/;
const LABEL_NAME = /^[a-z][a-z0-9_]*$/;
const UNITS = /_(seconds|bytes|ratio|tokens|requests|events|rows|celsius|info)$/;
/** Names of the seeds that keep a unit of their own; each stands beside a twin in base units (product section 12). */
const KEPT = new Set(['codex_worker_latency_ms']);

/**
 * Refuses at declaration what `promtool check metrics` would refuse in a build.
 * @throws Error naming the metric and the rule; a programmer's mistake, so it ends the start.
 */
export function refuseBadMetric(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, labels: LabelRules | undefined): void {
  const refuse = (why: string): never => {
    throw new Error(`metric ${name}: ${why}`);
  };
  if (!SNAKE_CASE.test(name)) refuse('the name must be snake_case with at least two words');
  if (help.trim() === '') refuse('the help text is missing');
  if ((type === 'counter') !== name.endsWith('_total')) refuse('counters end in _total, and nothing else does');
  if (/_(count|sum|bucket)$/.test(name)) refuse('_count, _sum and _bucket belong to histograms');
  if (/_(counter|gauge|histogram|metric)(_|$)/.test(name)) refuse('the name must not hold its type');
  if (/_(ms|milliseconds?|us|microseconds?|ns|secs?|minutes?|hours?|kb|mb|kib|mib|kilobytes|megabytes|percent)(_total)?$/.test(name) && !KEPT.has(name))
    refuse('use base units: _seconds, _bytes, _ratio');
  if (type === 'histogram' && !UNITS.test(name) && !KEPT.has(name)) refuse('a histogram ends in its unit (_seconds, _bytes, …)');
  for (const label of Object.keys(labels ?? {})) {
    if (!LABEL_NAME.test(label) || label === 'le' || label === 'quantile') refuse(`the label ${label} is not a plain snake_case name`);
  }
}
