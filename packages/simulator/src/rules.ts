import type { Behaviour } from './behaviour.ts';
import type { Manner } from './play.ts';
import type { Transport } from './received.ts';
import { PRESETS } from './presets.ts';
import type { Reply } from './reply.ts';
import { reshape, spelledOut } from './reshape.ts';
import type { Rule } from './script.ts';

/** A request in the terms in which rules speak. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly transport: Transport;
  readonly keyLabel: string;
  /** Asked for only by rules that name a print, because it costs a hash. */
  readonly keyPrint: () => string;
  /** Read only when a rule asks for the model. */
  readonly model: () => string;
}

/** A rule that has been chosen for a request. */
export interface Chosen {
  readonly name: string;
  readonly behaviour: Behaviour;
  /** The whole reply, built once, when the behaviour spells it out. */
  readonly ready: Reply | undefined;
  /** Undefined when the bytes go out as fast as they can. */
  readonly manner: Manner | undefined;
}

interface Prepared extends Chosen {
  readonly rule: Rule;
  seen: number;
  left: number;
}

/** The queue of rules. Replies that do not depend on the request are built when the script is loaded. */
export class Rules {
  #rules: Prepared[] = [];

  /** Whether there is any rule to ask. */
  get active(): boolean {
    return this.#rules.length > 0;
  }

  /** Puts more rules behind those that are there. */
  add(rules: readonly Rule[]): void {
    const first = this.#rules.length;
    for (const [index, rule] of rules.entries()) {
      const behaviour = withPreset(rule.answer);
      const spelled = spelledOut(behaviour);
      const ready = spelled === undefined ? undefined : built(reshape(spelled, behaviour));
      this.#rules.push({
        name: `rules[${first + index}]`,
        rule,
        behaviour,
        ready,
        manner: mannerOf(behaviour),
        seen: 0,
        left: rule.times === 'always' ? Infinity : (rule.times ?? 1),
      });
    }
  }

  clear(): void {
    this.#rules = [];
  }

  /** Whether a request would get an answer from a rule that names its method; nothing is used up by asking. */
  hasFor(asked: Asked): boolean {
    return this.#rules.some(
      ({ rule, left, seen }) =>
        rule.match?.method === asked.method && holds(rule.match, asked) && left > 0 && (rule.match.nth === undefined || rule.match.nth === seen + 1),
    );
  }

  /** Takes the first rule that matches and is not used up. */
  take(asked: Asked): Chosen | undefined {
    let chosen: Prepared | undefined;
    for (const prepared of this.#rules) {
      const { rule, left } = prepared;
      if (!holds(rule.match, asked)) continue;
      // Counted even when an earlier rule answers: `nth` is about requests, not about turns in the queue.
      prepared.seen += 1;
      if (chosen !== undefined || left === 0 || (rule.match?.nth !== undefined && rule.match.nth !== prepared.seen)) continue;
      chosen = prepared;
      prepared.left -= 1;
    }
    return chosen;
  }
}

const MANNERS = ['informational', 'delayMs', 'intervalMs', 'hold', 'cut', 'raw'] as const satisfies readonly (keyof Manner)[];

function mannerOf(behaviour: Behaviour): Manner | undefined {
  if (behaviour.chunks !== undefined || behaviour.slice !== undefined) return { ...behaviour, apart: true };
  return MANNERS.some((name) => behaviour[name] !== undefined) ? behaviour : undefined;
}

function withPreset(own: Behaviour): Behaviour {
  const preset = own.preset === undefined ? undefined : PRESETS[own.preset];
  return preset === undefined ? own : { ...preset, ...own, headers: { ...preset.headers, ...own.headers } };
}

function holds(match: Rule['match'], asked: Asked): boolean {
  if (match === undefined) return true;
  if (match.method !== undefined && match.method !== asked.method) return false;
  if (match.transport !== undefined && match.transport !== asked.transport) return false;
  if (match.path !== undefined && !pathHolds(match.path, asked.path)) return false;
  if (match.key !== undefined && match.key !== asked.keyLabel && !(match.key.startsWith('sha256:') && asked.keyPrint().startsWith(match.key))) return false;
  return match.model === undefined || match.model === asked.model();
}

function pathHolds(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function built(reply: Reply): Reply {
  return { ...reply, units: [...reply.units] };
}
