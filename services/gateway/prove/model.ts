import type { Asked, Claims, Expected, Issued } from './history.ts';

export const NO_CLAIMS: Claims = { turnState: null, previousResponse: null, session: null, calls: [], encrypted: null, isFollowUp: false };

/** A whole answer that a client got, with what it may come back with. */
export interface Turn {
  readonly keyId: string;
  readonly session: string | null;
  readonly issuer: number;
  readonly issued: Issued;
  /** The turn state that it was asked with. */
  readonly asked: string | null;
  /** It is a compaction of what was said before. */
  readonly isCompaction: boolean;
}

/** What counts beside the ids of a request. */
export interface Circumstances {
  readonly keyId: string;
  readonly asked: Asked;
  /** The opening of the gateway that it is sent to. */
  readonly life: number;
  /** Whether nothing is wrong with an account. */
  readonly isFine: (account: number) => boolean;
  /** The database is: a gateway knows only what it has bound itself. */
  readonly isAway: boolean;
  /** An answer that its client has not seen the end of may have bound its session anew. */
  readonly mayHaveMoved: boolean;
}

type Kind = 'lineage_turn' | 'lineage_session' | 'turn_state' | 'response' | 'call' | 'encrypted' | 'session';

/** What is known of one id. */
interface Known {
  readonly keyId: string;
  owner: number;
  /** Nothing that happened could have kept it from being bound to its owner, or could have changed that. */
  isCertain: boolean;
  /** Two accounts have told it. */
  isDisputed: boolean;
  /** How often its owner has said that it does not know it. */
  denials: number;
  /** The life in which it was bound. */
  readonly life: number;
}

/** What decides where a request goes: the first that is bound. Written down here once more, so that the proof does not ask the code that it proves. */
const PRECEDENCE: readonly { readonly kind: Kind; readonly strength: 'hard' | 'firm' | 'soft'; readonly onlyIf?: 'compact' | 'follow_up' | 'encrypted' }[] = [
  { kind: 'lineage_turn', strength: 'hard' },
  { kind: 'lineage_session', strength: 'hard', onlyIf: 'follow_up' },
  { kind: 'turn_state', strength: 'hard' },
  { kind: 'response', strength: 'hard' },
  { kind: 'call', strength: 'hard' },
  { kind: 'encrypted', strength: 'firm' },
  { kind: 'session', strength: 'hard', onlyIf: 'compact' },
  { kind: 'session', strength: 'firm', onlyIf: 'encrypted' },
  { kind: 'session', strength: 'soft' },
];

const ANYWHERE: Expected = { owner: null, first: null, isForeign: false, isOwn: true, mayBeUnavailable: false };

/** What must be true of the ids of one case, learnt from what upstreams told and clients saw; never from the gateway. */
export class Model {
  readonly #known = new Map<string, Known>();
  /** Every whole answer that can be continued. */
  readonly turns: Turn[] = [];

  /** Where a request with these claims must go. */
  expect(claims: Claims, { keyId, asked, life, isFine, isAway, mayHaveMoved }: Circumstances): Expected {
    const response = claims.previousResponse === null ? undefined : this.#known.get(placeOf('response', keyId, null, claims.previousResponse));
    // An id that is being told right now may be known to its gateway already.
    if (response !== undefined && response.keyId !== keyId)
      return { ...ANYWHERE, isForeign: response.isCertain && (!isAway || response.life === life), isOwn: false, mayBeUnavailable: response.isDisputed };
    let mayBeUnavailable = false;
    for (const { kind, strength, onlyIf } of PRECEDENCE) {
      if (onlyIf === 'compact' && asked !== 'compact') continue;
      if (onlyIf === 'follow_up' && asked !== 'compact' && !claims.isFollowUp) continue;
      if (onlyIf === 'encrypted' && claims.encrypted === null) continue;
      for (const id of idsOf(claims, kind)) {
        const known = this.#known.get(placeOf(kind, keyId, kind === 'call' ? claims.session : null, id));
        if (mayHaveMoved && (kind === 'session' || kind === 'lineage_session')) return { ...ANYWHERE, mayBeUnavailable: true };
        if (known === undefined) continue;
        mayBeUnavailable ||= known.isDisputed;
        if (!known.isCertain || (isAway && known.life !== life)) return { ...ANYWHERE, mayBeUnavailable: true };
        if (strength !== 'soft') return { ...ANYWHERE, owner: known.owner, mayBeUnavailable };
        // A preference is not looked up in the database: who did not hear of it has none.
        return { ...ANYWHERE, first: known.life === life && isFine(known.owner) ? known.owner : null, mayBeUnavailable };
      }
    }
    return { ...ANYWHERE, mayBeUnavailable };
  }

  /** Whether a turn may carry what another account has sealed than the one whose response it goes on from. */
  mayBeTorn({ previousResponse, encrypted }: Claims, keyId: string): boolean {
    if (previousResponse === null || encrypted === null) return false;
    const response = this.#known.get(placeOf('response', keyId, null, previousResponse));
    const sealed = this.#known.get(placeOf('encrypted', keyId, null, encrypted));
    if (response === undefined || sealed === undefined) return false;
    return response.owner !== sealed.owner || !response.isCertain || !sealed.isCertain;
  }

  /**
   * A client has seen an answer whole, or at least an upstream has told its ids.
   * @param isCertain  It was seen whole, with the database there and the gateway alive.
   */
  told(turn: Turn, life: number, isCertain: boolean): void {
    const { keyId, session, issuer, issued } = turn;
    const ids: [Kind, string | null][] = [
      ['response', issued.responseId],
      ['turn_state', issued.turnState],
      ...issued.calls.map((call): [Kind, string] => ['call', call]),
      ['encrypted', issued.encrypted],
    ];
    if (turn.isCompaction) ids.push(['lineage_turn', turn.asked]);
    for (const [kind, id] of ids) {
      if (id === null) continue;
      const place = placeOf(kind, keyId, kind === 'call' ? session : null, id);
      const known = this.#known.get(place);
      if (known === undefined) this.#known.set(place, { keyId, owner: issuer, isCertain, isDisputed: false, denials: 0, life });
      else if (known.owner !== issuer) continue;
      else if (isCertain && known.denials < 2 && !known.isDisputed) known.isCertain = true;
    }
    if (isCertain) this.turns.push(turn);
  }

  /**
   * A request of a session has been answered.
   * @param mayMove  The session could have left its account, or another answer of it could have been first.
   */
  toldInSession({ keyId, session, issuer, isCompaction }: Turn, life: number, isCertain: boolean, mayMove: boolean): void {
    if (session === null) return;
    this.#toldIn(placeOf('session', keyId, null, session), keyId, issuer, life, isCertain, mayMove);
    if (isCompaction) this.#toldIn(placeOf('lineage_session', keyId, null, session), keyId, issuer, life, isCertain, mayMove);
  }

  #toldIn(place: string, keyId: string, issuer: number, life: number, isCertain: boolean, mayMove: boolean): void {
    const known = this.#known.get(place);
    if (known === undefined) this.#known.set(place, { keyId, owner: issuer, isCertain: isCertain && !mayMove, isDisputed: false, denials: 0, life });
    // A gateway that had not heard of it has bound it, too, and then it is nobody's.
    else if (known.owner !== issuer && (mayMove || known.life !== life)) known.isCertain = false;
  }

  /** The owner has told a client that it does not know an id. Twice, and the id is no one's. */
  denied(id: string): void {
    const known = this.#known.get(placeOf('response', null, null, id));
    if (known !== undefined && ++known.denials >= 2) known.isCertain = false;
  }

  /** Another account is about to tell an id. @param isAlone  There is one gateway, which knows whose it is. */
  dispute(id: string, isAlone: boolean): void {
    const known = this.#known.get(placeOf('response', null, null, id));
    if (known === undefined) return;
    known.isDisputed = true;
    if (!isAlone) known.isCertain = false;
  }

  isDisputed(id: string): boolean {
    return this.#known.get(placeOf('response', null, null, id))?.isDisputed === true;
  }

  /** A key has been revoked: nothing goes on from its answers. */
  forgetKey(keyId: string): void {
    for (let i = this.turns.length - 1; i >= 0; i--) if (this.turns[i]!.keyId === keyId) this.turns.splice(i, 1);
  }

  /** An account has been taken away, and all that it owned with it. */
  forget(account: number): void {
    for (const known of this.#known.values()) if (known.owner === account) known.isCertain = false;
    for (let i = this.turns.length - 1; i >= 0; i--) if (this.turns[i]!.issuer === account) this.turns.splice(i, 1);
  }

  /** Every id of which it is certain to whom it is bound, but for preferences. */
  *certain(): Iterable<{ readonly kind: Kind; readonly keyId: string; readonly session: string | null; readonly id: string; readonly owner: number }> {
    for (const [place, { keyId, owner, isCertain, isDisputed }] of this.#known) {
      const [kind, , session, id] = place.split(UNIT) as [Kind, string, string, string];
      if (isCertain && !isDisputed && kind !== 'session' && kind !== 'lineage_session')
        yield { kind, keyId, session: session === '' ? null : session, id, owner };
    }
  }
}

const UNIT = '\n';

/** Ids of responses are unique whoever they belong to; the others are within one key, and calls within one session of it. */
function placeOf(kind: Kind, keyId: string | null, session: string | null, id: string): string {
  return [kind, kind === 'response' ? '' : keyId, session ?? '', id].join(UNIT);
}

function idsOf(claims: Claims, kind: Kind): readonly string[] {
  if (kind === 'call') return claims.calls;
  const { turnState, previousResponse, session, encrypted } = claims;
  const id = { lineage_turn: turnState, lineage_session: session, turn_state: turnState, response: previousResponse, encrypted, session }[kind];
  return id === null ? [] : [id];
}
