import type { AnswerHeaders } from '@switchyard/contracts';
import { single } from '../attempt/upstream-headers.ts';
import type { Account } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import type { BindResult, Bindings, NewBinding } from './bindings.ts';
import { NO_CLAIMS } from './claims.ts';
import { digestOf } from './digest.ts';
import type { ItemsTold } from './item-facts.ts';
import type { BindingKind } from './kinds.ts';
import { NOBODY } from './merge.ts';
import type { TurnStates } from './turn-states.ts';

/** What an answer tells that a later request may come back with. */
export interface AnswerFacts extends ItemsTold {
  /** Of what a POST has made that is no response, the id of that. */
  readonly responseId: string | null;
}

export interface RecorderParts {
  readonly bindings: Bindings;
  readonly turnStates: TurnStates;
  /** Whether a session may leave this account: it is gone or out of quota for long, not only busy or limited for once. */
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
    const { by, path, sameAs = path } = match.surface;
    // Without `store` its id leads nowhere later, but for the next turn on the same socket; and a compaction is no response.
    if (this.#noted !== null || (!facts!.store && by !== 'socket') || sameAs !== '/v1/responses') return;
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
  finish(told: AnswerFacts): Promise<BindResult> | null {
    // It has nothing of what it refused to answer, though nobody told the client more than it did.
    if (this.#isRefusal) {
      this.drop();
      return null;
    }
    this.#isOver = true;
    const { bindings } = this.#parts;
    const { affinity, match } = this.#exchange;
    if (affinity !== null && affinity.accountId === this.#account.id) bindings.confirm(affinity.kind, affinity.digest, this.#account.id, match.surface.lane);
    const { makes } = match.surface;
    if (makes !== undefined) return told.responseId === null ? null : bindings.bind([this.#binding(makes, told.responseId)]);
    return bindings.bind(this.#bound(told)) ?? this.#early;
  }

  /** The answer is that of an account which did not want the request, and goes to the client for want of a better. */
  get #isRefusal(): boolean {
    return this.#exchange.decision?.attempts.findLast(({ verdict }) => verdict === 'relayed')?.policy !== undefined;
  }

  /** The answer came to nothing. */
  drop(): void {
    if (this.#noted !== null && !this.#isOver && this.#early === null) this.#parts.bindings.forget(this.#noted);
  }

  #bound({ responseId, calls, encrypted, isCompaction }: AnswerFacts): NewBinding[] {
    const { facts, match } = this.#exchange;
    const { session, cacheKey, conversation, files, turnState: asked } = facts!.claims ?? NO_CLAIMS;
    const turnState = this.#turnState === '' ? null : this.#turnState;
    if (responseId !== null) this.note(responseId);
    const bound: NewBinding[] = [];
    if (this.#noted !== null) {
      if (this.#early === null) bound.push(this.#noted);
      if (turnState !== null) this.#parts.turnStates.set(this.#noted.digest, turnState);
    }
    if (turnState !== null) bound.push(this.#binding('turn_state', turnState));
    // A warm-up is no turn: whose the conversation is, and where its cache, the turn behind it says.
    if (facts!.frame?.isWarmUp === true) return bound;
    if (session !== null) this.#addUnlessTaken(bound, this.#binding('session', session));
    for (const call of calls) bound.push(this.#binding('call', call, session));
    if (encrypted !== null) bound.push(this.#binding('encrypted', encrypted));
    if (cacheKey !== null) bound.push(this.#binding('cache', cacheKey));
    // What an account has taken it has, though it may have been made elsewhere than through here.
    if (conversation !== null) this.#addUnlessKnown(bound, this.#binding('conversation', conversation));
    for (const file of files ?? []) this.#addUnlessKnown(bound, this.#binding('file', file));
    if (isCompaction || match.surface.lane === 'compact') {
      if (session !== null) bound.push(this.#binding('lineage_session', session));
      const turn = turnState ?? asked;
      if (turn !== null) bound.push(this.#binding('lineage_turn', turn));
    }
    return bound;
  }

  /** A session stays where it is when one request of it went elsewhere because its account was busy or failing. */
  #addUnlessTaken(bound: NewBinding[], binding: NewBinding): void {
    const known = this.#parts.bindings.find(binding.kind, binding.digest);
    if (known === undefined || known.owner === NOBODY || known.owner === this.#account.id || this.#parts.mayLeave(known.owner)) bound.push(binding);
  }

  #addUnlessKnown(bound: NewBinding[], binding: NewBinding): void {
    const known = this.#parts.bindings.find(binding.kind, binding.digest);
    if (known === undefined || known.owner === this.#account.id) bound.push(binding);
  }

  #binding(kind: BindingKind, id: string, session: string | null = null): NewBinding {
    const namespace = this.#exchange.key.id;
    return { kind, digest: digestOf(kind, namespace, session, id), owner: this.#account.id, namespace };
  }
}
