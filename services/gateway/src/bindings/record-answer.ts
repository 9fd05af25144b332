import type { AnswerHeaders } from '@switchyard/contracts';
import { single } from '../attempt/upstream-headers.ts';
import type { Account } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import type { BindResult, Bindings, NewBinding } from './bindings.ts';
import { digestOf } from './digest.ts';
import type { BindingKind } from './kinds.ts';
import { NOBODY } from './merge.ts';

/** What an answer tells that a later request may come back with. */
export interface AnswerFacts {
  readonly responseId: string | null;
  /** Calls that it asks the client to make. */
  readonly calls: readonly string[];
  /** Fingerprint of its last encrypted item. */
  readonly encrypted: string | null;
}

export interface RecorderParts {
  readonly bindings: Bindings;
  /** Whether a session may leave this account: it is gone or out of quota, not only busy for once. */
  readonly mayLeave: (accountId: string) => boolean;
}

/** Collects what one answer binds, and binds it at its end. Only answers that can be continued have one. */
export class AnswerRecorder {
  readonly #exchange: Taken;
  readonly #account: Account;
  readonly #parts: RecorderParts;
  #turnState: string | null;
  #noted: NewBinding | null = null;
  #early: Promise<BindResult> | null = null;
  #isOver = false;

  constructor(exchange: Taken, account: Account, headers: AnswerHeaders, parts: RecorderParts) {
    this.#exchange = exchange;
    this.#account = account;
    this.#parts = parts;
    this.#turnState = single(headers, 'x-codex-turn-state');
  }

  /** Makes the owner of the answer known as soon as its id is, for whoever reads or cancels it while it runs. */
  note(responseId: string): void {
    const { match, facts } = this.#exchange;
    const { name, by } = match.surface;
    // Without `store` its id leads nowhere later, but for the next turn on the same socket; and a compaction is no response.
    if (this.#noted !== null || (!facts!.store && by !== 'socket') || (name !== 'responses.create' && by !== 'socket')) return;
    const binding = this.#binding('response', responseId);
    this.#noted = binding;
    // One that runs in the background goes on without this client, so it is bound for good at once.
    if (facts!.background) this.#early = this.#parts.bindings.bind([binding]);
    else this.#parts.bindings.note(binding);
  }

  /** The upstream has named the state of the turn behind its head, as it does on a socket. The first one counts. */
  noteTurnState(state: string): void {
    this.#turnState ??= state;
  }

  get hasNoted(): boolean {
    return this.#noted !== null;
  }

  /** The answer is whole. @returns settles when what it binds would outlive a crash, within the bound; null when there is nothing to wait for */
  finish({ responseId, calls, encrypted }: AnswerFacts): Promise<BindResult> | null {
    this.#isOver = true;
    const { bindings } = this.#parts;
    const { affinity, facts } = this.#exchange;
    if (responseId !== null) this.note(responseId);
    const session = facts!.claims?.session ?? null;
    const cacheKey = facts!.claims?.cacheKey ?? null;
    const bound: NewBinding[] = [];
    if (this.#noted !== null && this.#early === null) bound.push(this.#noted);
    if (this.#turnState !== null && this.#turnState !== '') bound.push(this.#binding('turn_state', this.#turnState));
    if (session !== null) this.#addUnlessTaken(bound, this.#binding('session', session));
    for (const call of calls) bound.push(this.#binding('call', call, session));
    if (encrypted !== null) bound.push(this.#binding('encrypted', encrypted));
    if (cacheKey !== null) bound.push(this.#binding('cache', cacheKey));
    if (affinity !== null && affinity.accountId === this.#account.id) bindings.confirm(affinity.kind, affinity.digest);
    return bindings.bind(bound) ?? this.#early;
  }

  /** The answer came to nothing. */
  drop(): void {
    if (this.#noted !== null && !this.#isOver && this.#early === null) this.#parts.bindings.forget(this.#noted);
  }

  /** A session stays where it is when one request of it went elsewhere because its account was busy or failing. */
  #addUnlessTaken(bound: NewBinding[], binding: NewBinding): void {
    const known = this.#parts.bindings.find(binding.kind, binding.digest);
    if (known === undefined || known.owner === NOBODY || known.owner === this.#account.id || this.#parts.mayLeave(known.owner)) bound.push(binding);
  }

  #binding(kind: BindingKind, id: string, session: string | null = null): NewBinding {
    const namespace = this.#exchange.key.id;
    return { kind, digest: digestOf(kind, namespace, session, id), owner: this.#account.id, namespace };
  }
}
