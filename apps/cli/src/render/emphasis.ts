import { styleText } from 'node:util';
import type { Cli, Output } from '../cli.ts';

/** Marks a title up where a person reads and wants colour. */
export type Emphasis = (text: string) => string;

/** Bold on a terminal, unless NO_COLOR is set (no-color.org: to anything but nothing). */
export function emphasisFor({ isTTY }: Output, env: Cli['env']): Emphasis {
  const wanted = isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return wanted ? (text) => styleText('bold', text, { validateStream: false }) : (text) => text;
}
