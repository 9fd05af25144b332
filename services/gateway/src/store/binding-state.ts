import { GRACE_S, VERIFIED_S } from '../bindings/life.ts';

/** Where a binding stands; a conflict has no owner. */
export const BINDING_STATES = ['warm', 'verified', 'suspect', 'dead', 'conflict'] as const;
export type BindingState = (typeof BINDING_STATES)[number];

/** The same in SQL, of a row `b`, as `lifeAt` has it: some states end by themselves. */
export const BINDING_STATE = `case when b.account_id = '' then 'conflict' when b.state = 3 then 'dead'
  when b.state = 1 and b.touched_at >= now() - interval '${VERIFIED_S} seconds' then 'verified'
  when b.state = 2 and b.state_at >= now() - interval '${GRACE_S} seconds' then 'suspect' else 'warm' end`;
