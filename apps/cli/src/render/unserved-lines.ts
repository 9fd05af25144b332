import type { ExplainedRequest } from '../operations/operations.ts';
import { skippedText } from './skipped-words.ts';
import { grouped, moment } from './words.ts';

type Unserved = NonNullable<NonNullable<ExplainedRequest['decision']>['unserved']>;

interface Words {
  /** @param account  The one that it hung on. */
  readonly why: (account: string) => string;
  readonly next: string;
}

const WAIT =
  '`switchyard quota` shows when each is back; add an account or a stand-in pool, or end the block of one that has quota again with `switchyard quota lift NAME`.';
const OWNER_WAIT =
  'Wait until then, or begin a new conversation, which may go to another account. If it has quota again already: `switchyard quota lift NAME`.';

// A word that is missing here is a newer server's, and is shown as it is.
const WORDS: Readonly<Record<string, Words>> = {
  pool_not_declared: {
    why: () => 'The pool of its key is not declared on this server',
    next: 'Declare it in switchyard.toml as [pools.NAME] and start the server again, or use a key of another pool (`switchyard keys list`).',
  },
  model_not_for_key: {
    why: () => 'Its key may not use the model',
    next: '`switchyard keys list` says what it may use; make one that may use this model with `switchyard keys create --name NAME`.',
  },
  model_not_named: {
    why: () => 'Its key is held to certain models, and the request named none',
    next: 'Name the model in a JSON body, or use a key that may use all models.',
  },
  model_not_served: {
    why: () => 'No account that it may use serves the model',
    next: '`switchyard accounts list` says what each serves. One that has the model after all learns it with `switchyard accounts test NAME`; another name for it goes into [aliases].',
  },
  model_for_responses_only: {
    why: () => 'Only ChatGPT logins serve the model, and those take nothing but Responses',
    next: 'Ask on /v1/responses, or add an account with a key that serves it.',
  },
  model_out_of_quota: { why: () => 'Every account that serves the model had used up its quota for that model', next: WAIT },
  needs_login: {
    why: (account) => `The login of ${account}, which serves the model, is not accepted any more`,
    next: 'Sign in again in the Codex home that it was added from (CODEX_HOME=… codex login); it is taken from there by itself.',
  },
  accounts_not_for_key: {
    why: () => 'Its key may use none of the accounts that serve this',
    next: '`switchyard keys list` says which it may use; make one for others with `switchyard keys create --name NAME --accounts NAMES`.',
  },
  no_account: {
    why: () => 'There is no account that could serve this',
    next: 'Add one: `switchyard accounts add --help`. The sandbox serves only what it is asked for by name.',
  },
  full: {
    why: () => 'Every account that could serve it had as many requests as it may have, and none had room in time',
    next: 'Send it again. If that happens often, add an account, or raise `max_in_flight` of one that may do more.',
  },
  out_of_quota: { why: () => 'Every account that could serve it was out of quota', next: WAIT },
  not_over_websocket: {
    why: () => 'No account that speaks WebSocket could serve it, but one over HTTP could',
    next: 'Send it to POST /v1/responses, as codex does by itself; mark an account that speaks WebSocket with `websocket = true`.',
  },
  owner_gone: {
    why: (account) => `The account ${account} is not in use here: it was removed, is declared no more, or its credential cannot be read`,
    next: '`switchyard accounts list` says which; bring it back, or begin a new conversation.',
  },
  owner_needs_login: {
    why: (account) => `The login of ${account} is not accepted any more`,
    next: 'Sign in again in the Codex home that the account was added from (CODEX_HOME=… codex login), or begin a new conversation.',
  },
  owner_not_for_key: {
    why: (account) => `Its key may not use ${account}`,
    next: 'Use the key that it was begun with, or one that may use that account (`switchyard keys list`).',
  },
  owner_claimed_twice: {
    why: () => 'So neither of the two may answer',
    next: '`switchyard sessions` shows the conflict, `switchyard sessions forget ID` ends it.',
  },
  owner_full: {
    why: (account) => `The account ${account} had as many requests as it may have, and no room in time`,
    next: 'Send it again. If that happens often, raise `max_in_flight` of that account if it may do more.',
  },
  owner_out_of_quota: { why: (account) => `The account ${account} was out of quota`, next: OWNER_WAIT },
  owner_not_over_websocket: {
    why: (account) => `The account ${account} does not speak WebSocket`,
    next: 'Send it to POST /v1/responses, as codex does by itself, or mark the account with `websocket = true` if it does.',
  },
};

/** Why no account was asked, for a person. @param owner  The account that it belongs to; null when it does to none. */
export function unservedLines({ reason, account, back_at: backAt, looked_in: lookedIn }: Unserved, owner: string | null): string[] {
  const why = WORDS[reason]?.why(account ?? owner ?? 'its owner') ?? `None was asked: ${reason}`;
  const own = lookedIn[0]?.pool;
  return [
    `${why}.`,
    ...lookedIn.map(({ pool, candidates, skipped }) => {
      const standsIn = pool === own ? '' : `, which stands in for ${own}`;
      const passed = skippedText(skipped);
      const serve = candidates === 0 ? 'none serves it' : candidates === 1 ? '1 account serves it' : `${grouped(candidates)} accounts serve it`;
      return `In the pool ${pool}${standsIn}: ${serve}${passed === '' ? '' : `; passed over: ${passed}`}.`;
    }),
    ...(backAt === null ? [] : [`Quota is there again at ${moment(backAt)} UTC at the soonest.`]),
  ];
}

/** What to do about it; null where nothing is known of the reason. */
export function unservedAdvice({ reason }: Unserved): string | null {
  return WORDS[reason]?.next ?? null;
}
