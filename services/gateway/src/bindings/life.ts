/** `warm`: bound. `verified`: the owner took a follow-up. `suspect`: it denied the id once. `dead`: twice; an id is never revived. */
export const LIFE = { warm: 0, verified: 1, suspect: 2, dead: 3 } as const;
export type LifeState = (typeof LIFE)[keyof typeof LIFE];

/** Where a binding stands in its life. Times are epoch seconds. */
interface Life {
  readonly state: LifeState;
  readonly stateAtS: number;
  readonly misses: number;
  readonly touchedAtS: number;
}

/** A verified binding that nobody used for this long has to prove itself again. */
export const VERIFIED_S = 1_800;
/** A binding that was denied is suspect for this long. */
export const GRACE_S = 120;
/** So long it is known that an id is dead; after that it is forgotten, and an account that tells it anew may have it. */
export const DEAD_S = 900;

/** The state at a moment: some end by themselves. */
export function lifeAt({ state, stateAtS, touchedAtS }: Pick<Life, 'state' | 'stateAtS' | 'touchedAtS'>, nowS: number): LifeState {
  if (state === LIFE.verified && nowS - touchedAtS > VERIFIED_S) return LIFE.warm;
  if (state === LIFE.suspect && nowS - stateAtS > GRACE_S) return LIFE.warm;
  return state;
}

/** After the owner took a request that continues the id. @returns null when that changes nothing */
export function confirmed(life: Life, nowS: number): Pick<Life, 'state' | 'stateAtS' | 'misses'> | null {
  const state = lifeAt(life, nowS);
  return state === LIFE.dead || (state === LIFE.verified && life.misses === 0) ? null : { state: LIFE.verified, stateAtS: nowS, misses: 0 };
}

/**
 * After the owner said that it does not know the id. Denials within one second are one: they may be answers to one and the same hiccup.
 * @returns null when that changes nothing
 */
export function denied(life: Life, nowS: number): Pick<Life, 'state' | 'stateAtS' | 'misses'> | null {
  if (life.state === LIFE.dead || (life.state === LIFE.suspect && nowS <= life.stateAtS)) return null;
  const misses = life.misses + 1;
  return { state: misses >= 2 ? LIFE.dead : LIFE.suspect, stateAtS: nowS, misses };
}
