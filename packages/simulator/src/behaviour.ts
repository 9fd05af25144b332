import type { Direction } from './direction.ts';
import type { Json } from './json.ts';
import type { MALFORMATIONS } from './malform.ts';
import type { Manner } from './play.ts';

/** Quota as the ChatGPT backend tells it in `x-codex-*` headers (codex-protocol 6). */
export interface Quota {
  readonly primary?: QuotaWindow;
  readonly secondary?: QuotaWindow;
  readonly limitName?: string;
  readonly credits?: { readonly hasCredits: boolean; readonly unlimited: boolean; readonly balance: string };
}

export interface QuotaWindow {
  readonly usedPercent: number;
  readonly windowMinutes?: number;
  /** Unix seconds. */
  readonly resetAt?: number;
}

/**
 * One scripted answer. Without `body`, `text` or `chunks` the surface answers as usual, directed by `say`, `before`, `end`
 * and `stream`; the rest says in which form and manner the bytes travel. Own members win over those of the `preset`.
 */
export interface Behaviour extends Direction, Omit<Manner, 'apart'> {
  /** A row of `PRESETS`. */
  readonly preset?: string;
  readonly status?: number;
  /** Added to the surface's own; null takes one away. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly quota?: Quota;
  /** A whole JSON body. */
  readonly body?: Json;
  /** A whole body, verbatim. */
  readonly text?: string;
  /** The body in base64, one write each. With `raw` it holds the status line and headers too. */
  readonly chunks?: readonly string[];
  /** Cuts the body into writes of this many bytes, whatever the events. */
  readonly slice?: number;
  readonly malformed?: keyof typeof MALFORMATIONS;
  readonly gzip?: boolean;
  /** A `content-length` that is sent whether or not it is true; the connection is closed after the body. */
  readonly contentLength?: number;
  /** On a socket: the frames are binary ones, which no client expects. */
  readonly binary?: boolean;
  /** On a socket: closes it with this code behind so many frames, or behind the last. */
  readonly close?: { readonly code: number; readonly at?: number };
}
