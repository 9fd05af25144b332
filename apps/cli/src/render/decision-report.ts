import { FAULTS } from '@switchyard/contracts';
import type { ExplainedRequest } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { SKIPPED, skippedText } from './skipped-words.ts';
import { unservedAdvice, unservedLines } from './unserved-lines.ts';
import { duration, grouped, moment, plural, visible } from './words.ts';

type Decision = NonNullable<ExplainedRequest['decision']>;
type LoggedAttempt = Decision['attempts'][number];
/** Of keys that name none. */
const DEFAULT_POOL = 'default';

// What the words of the request log mean. A word that is missing here is a newer server's, and is shown as it is.
const OUTCOMES: Readonly<Record<string, string>> = {
  open: 'It is still running',
  completed: 'It was answered whole',
  upstream_error: 'The upstream answered with an error, which was passed on unchanged',
  upstream_cut: 'The upstream broke off in the middle of its answer',
  client_left: 'The client left before the end',
  client_stalled: 'The client stopped reading, and was cut off',
  refused: 'Switchyard refused it',
  shut_down: 'It was cut off when the server stopped',
  server_lost: 'It was lost when its server died',
};

const FAILURES: Readonly<Record<string, string>> = {
  connect: 'it could not be reached',
  connect_timeout: 'it did not take the connection in time',
  head_timeout: 'it did not begin to answer in time',
  idle_timeout: 'it fell silent',
  reset: 'it broke the connection off',
  protocol: 'what it sent is not HTTP',
  aborted: 'it was stopped, because the client had left',
};

const STRATEGIES: Readonly<Record<string, string>> = {
  balance: 'by priority, then quota, then fewest running, then health, then longest unused',
  cache_first: 'by priority, then quota, then fewest running, then health, then longest unused, as none had the prompt in its cache',
  performance_first: 'by priority, then quickest first byte, then health, then fewest running',
  priority: 'by priority, then name',
  round_robin: 'as the longest unused',
  least_used: 'by most quota left, then fewest running',
  drain_first: 'because one account is used up before the next',
  soonest_reset: 'by the quota that is full again soonest, then fewest running',
};

const HEURISTICS: Readonly<Record<string, string>> = {
  quota_band: 'how much quota is left',
  quota_pressure: 'how long that has to last',
  fresh_quota: 'when their quota was last heard of',
  in_flight: 'what they have running',
  health: 'their failures',
  bad_pairing: 'what went badly on this lane',
  latency: 'their first byte',
  circuit: 'leaving the unhealthy alone',
  prompt_cache: 'the cache',
  warm_conversation: 'where the conversation is',
  last_chosen: 'whose turn it is',
};

// What the rule that decided says of the attempt. Of an answer that was passed on there is nothing to say.
const POLICIES: Readonly<Record<string, string>> = {
  credential_refused: 'the credential of the account was refused',
  deactivated: 'the account is switched off there',
  quota: 'the account is out of quota',
  overloaded: 'the upstream is overloaded',
  server_error: 'the upstream failed by itself',
  unreachable: 'the upstream was not reached',
  silent: 'the upstream kept silent for too long',
  broken_off: 'the answer broke off before it had said anything',
  response_not_found: 'the account does not know what the request continues',
  forbidden: 'the account may not do this',
  passed_on: '',
};

const VERDICTS: Readonly<Record<string, string>> = {
  relayed: 'this answer went to the client',
  next_account: 'another account was looked for',
  same_account: 'it was asked again',
  gave_up: 'nothing was left to try',
};

const BACKOFFS: Readonly<Record<string, string>> = {
  transport: 'trouble with its connection',
  server_error: 'errors of its server',
  overload: 'being overloaded',
  quota: 'having no quota left',
  model_quota: 'having no quota left for this model',
  auth: 'refusing its credential',
  forbidden: 'refusing this account',
};

// What a request can belong to an account by.
const CONTINUED: Readonly<Record<string, string>> = {
  response: 'the response that it goes on from',
  turn_state: 'the state of its turn',
  session: 'its session',
  lineage_session: 'the compaction that its session goes on from',
  lineage_turn: 'the compaction in its turn',
  call: 'the call that it brings the output of',
  conversation: 'the conversation object that it is part of',
  file: 'a file that it names',
  encrypted: 'the last encrypted item of its input',
  cache: 'its prompt cache key',
};

const STRENGTHS: Readonly<Record<string, string>> = {
  hard: 'and no other account may answer it',
  firm: 'and no other account may answer it while that one has quota',
  soft: 'which is asked first while it can serve',
};

const STOPPED: Readonly<Record<string, string>> = {
  budget: 'No other was tried: the request had used up its attempts or its time for them',
  retry_budget: 'No other was tried: too many requests were being retried at that moment, because the upstreams fail for nearly everybody',
};

/** Names by id; null where one is not known. */
interface Names {
  readonly ofKey: (id: string) => string | null;
  readonly ofAccount: (id: string) => string | null;
}

/** What became of a request and why, as a report for a person (product section 3, "Every choice is explained"). */
export function decisionReport(request: ExplainedRequest, names: Names, emphasise: Emphasis = (text) => text): string {
  const lines = [
    emphasise(`Request ${visible(request.id)}`),
    `${outcomeSentence(request)}.`,
    ...adviceOf(request),
    '',
    ...facts(request, names).map(([name, text]) => `  ${name.padEnd(9)}${visible(text)}`),
    '',
    emphasise(request.decision?.unserved ? 'Why no account' : 'Why this account'),
    ...decisionLines(request, names).map((line) => `  ${visible(line)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function outcomeSentence({ outcome, status, fault, duration_ms: took }: ExplainedRequest): string {
  const what = `${OUTCOMES[outcome] ?? outcome}${fault === null ? '' : ` (${fault})`}`;
  return `${what}${status === null ? '' : `, status ${status}`}${took === null ? '' : `, after ${duration(took)}`}`;
}

function adviceOf({ fault, decision }: ExplainedRequest): string[] {
  const advice = decision?.unserved ? unservedAdvice(decision.unserved) : null;
  if (advice !== null) return [advice];
  return fault !== null && Object.hasOwn(FAULTS, fault) ? [FAULTS[fault as keyof typeof FAULTS].remedy] : [];
}

function facts(fields: ExplainedRequest, { ofKey }: Names): (readonly [string, string])[] {
  const { model, stream, key_id: key, client_address: client, input_tokens: input, output_tokens: output } = fields;
  const asked = `${fields.surface}${model === null ? '' : ` for the model ${model}`}${stream ? ', streamed' : ''} (lane ${fields.lane})`;
  const name = key === null ? null : ofKey(key);
  const by = key === null ? '' : `, with the key ${name === null ? key : `"${name}" (${key})`}`;
  const cached = fields.cached_tokens === null ? '' : ` (${grouped(fields.cached_tokens)} cached)`;
  const reasoning = fields.reasoning_tokens === null ? '' : ` (${grouped(fields.reasoning_tokens)} reasoning)`;
  const ids = [
    ['response', fields.response_id],
    ['upstream request', fields.upstream_request_id],
    ['client request', fields.client_request_id],
  ].flatMap(([whose, id]) => (id === null ? [] : [`${whose} ${id}`]));
  return [
    ['asked', asked],
    ['started', `${moment(fields.started_at)} UTC${by}${client === null ? '' : `, from ${client}`}`],
    ...(fields.first_byte_ms === null
      ? []
      : [
          [
            'time',
            `first byte after ${duration(fields.first_byte_ms)}${fields.duration_ms === null ? '' : `, end after ${duration(fields.duration_ms)}`}`,
          ] as const,
        ]),
    ['size', `${plural(fields.bytes_in, 'byte')} in, ${plural(fields.bytes_out, 'byte')} out`],
    ['tokens', input === null && output === null ? 'not told by the upstream' : `${amount(input)} in${cached}, ${amount(output)} out${reasoning}`],
    ...(ids.length === 0 ? [] : [['ids', ids.join(', ')] as const]),
  ];
}

function amount(tokens: number | null): string {
  return tokens === null ? '?' : grouped(tokens);
}

function decisionLines({ decision, model }: ExplainedRequest, { ofAccount }: Names): string[] {
  if (decision === null) return ['None was looked for: the request ended before that.'];
  const { unserved, affinity } = decision;
  const ownerId = affinity === null ? null : affinity.account_id;
  const owner = ownerId === null ? null : (ofAccount(ownerId) ?? ownerId);
  const belongs = [...askedOf(decision, model), ...affinityLines(decision, owner)];
  const none = unserved === null ? [] : unservedLines(unserved, owner);
  if (decision.attempts.length === 0) return [...belongs, ...(none.length > 0 ? none : [`None could be asked${model === null ? '' : ` for ${model}`}.`])];
  const attempts = decision.attempts.flatMap((attempt, n) => [
    `${n + 1}. ${attempt.account}, asked ${duration(attempt.started_ms)} after the start${attempt.waited_ms === 0 ? '' : `, after a pause of ${duration(attempt.waited_ms)}`}`,
    `   ${chosenBecause(attempt)}.`,
    ...named(attempt, decision.pool).map((text) => `   ${text}.`),
    ...compared(attempt).map((text) => `   ${text}.`),
    ...otherwise(attempt).map((text) => `   ${text}.`),
    ...passedOver(attempt).map((text) => `   ${text}.`),
    `   ${whatHappened(attempt)}.`,
  ]);
  const stopped = decision.stopped_by === null ? [] : [`${STOPPED[decision.stopped_by] ?? `No other was tried: ${decision.stopped_by}`}.`];
  return [...belongs, ...attempts, ...stopped, ...none];
}

/** @param owner  Its name, or else its id. */
function affinityLines({ affinity }: Decision, owner: string | null): string[] {
  if (affinity === null) return [];
  const by = CONTINUED[affinity.kind] ?? affinity.kind;
  if (affinity.strength === 'none') return [`It began anew: ${by} had been given up, because its account had denied it, or an operator ended it.`];
  if (owner === null) return [`By ${by} it belongs to nobody: two accounts claim that. \`switchyard sessions\` shows it, and how to end it.`];
  const how = `${affinity.found_in === 'database' ? ', as the database said' : ''}${affinity.state === 'suspect' ? ', though that account has denied it once' : ''}`;
  return [
    `By ${by} it belongs to ${owner}${how}, ${STRENGTHS[affinity.strength] ?? affinity.strength}.`,
    ...(affinity.moved ? ['That one had no quota left, so it was let go elsewhere.'] : []),
    ...(affinity.disagrees ? ['Something else in it leads to another account; the stricter one decided.'] : []),
  ];
}

function chosenBecause({ chosen_by: by, candidates, skipped, least_bad: leastBad, in_flight: running, strategy }: LoggedAttempt): string {
  switch (by) {
    case 'owner':
      return 'Chosen because it owns what the request continues; no other account may answer that';
    case 'owner_again':
      return 'Asked again, because no other account may answer this';
    case 'kept':
      return 'Chosen because the conversation is with it; another might have answered too';
    case 'cache':
      return 'Chosen because it was sent the same cache key before, and may have the prompt in its cache';
    case 'only_one_left':
      return 'Asked once more, because a kept connection had just been closed and no other account is left';
    case 'renewed':
      return 'Asked again, because its credential was renewed after it had been refused';
    case 'open_socket':
      return 'Chosen because the socket of the turns before leads there, and nothing spoke against it';
    case 'freed':
      return 'Chosen because it was the first to have room again, all that can serve this being full';
    case 'choice': {
      if (leastBad) return 'Chosen because every account that could serve this and has quota is left alone for a while, and it is back soonest';
      const others = candidates - sum(skipped) - 1;
      const busy = running === 0 ? 'had nothing else running' : `had ${plural(running, 'other request')} running`;
      if (candidates === 1) return `Chosen because it is the only one that can serve this; it ${busy}`;
      return others <= 0
        ? `Chosen because it is the only one left of ${candidates}; it ${busy}`
        : `Chosen before ${others === 1 ? 'one other' : `${others} others`} ${STRATEGIES[strategy] ?? `by ${strategy}`}; it ${busy}`;
    }
    default:
      return `Chosen by ${by}`;
  }
}

/** What the request was taken for before an account was looked for. */
function askedOf({ pool, alias_for: alias }: Decision, model: string | null): string[] {
  return [...(pool === DEFAULT_POOL ? [] : [`The pool ${pool} serves its key.`]), ...(alias === null ? [] : [`${model} stands for ${alias}.`])];
}

/** From where an account was taken, and by which name it was asked, when that is not as usual. */
function named({ pool, sent_model: sent }: LoggedAttempt, own: string): string[] {
  return [...(pool === own ? [] : [`It is in the pool ${pool}, which stands in for ${own}`]), ...(sent === null ? [] : [`It was asked for the model ${sent}`])];
}

/** How many of the candidates are shown with their figures. */
const SHOWN = 4;

/** The figures of the one that was chosen and of the next best, in the order of choice. */
function compared({ figures, left_out: leftOut }: LoggedAttempt): string[] {
  const shown = figures.slice(0, SHOWN).map(({ account, standing, band, used_percent: used, in_flight: running, health, priority }) => {
    const stood = standing === 'ready' ? [] : [SKIPPED[standing] ?? standing];
    const quota = used === 0 && band === 'ready' ? [] : [`${Number(used.toFixed(1))} % of its quota used (${band})`];
    return `${account}: ${[...stood, `priority ${priority}`, ...quota, `${running} running`, health === 0 ? 'healthy' : `${health} against its health`].join(', ')}`;
  });
  const rest = figures.length - shown.length;
  const more = rest + leftOut;
  const unkept = leftOut === 0 ? '' : `; of ${leftOut} of them no figures were kept`;
  return shown.length === 0 ? [] : ['In the order of choice', ...shown.map((text) => `  ${text}`), ...(more > 0 ? [`  and ${more} more${unkept}`] : [])];
}

/** Who would have been chosen without one thing or another that was looked at. */
function otherwise({ decided_by: decidedBy }: LoggedAttempt): string[] {
  const texts = decidedBy.map(({ heuristic, otherwise: other }) => `without ${HEURISTICS[heuristic] ?? heuristic} ${other ?? 'nobody'}`);
  return texts.length === 0 ? [] : [`Would have been chosen otherwise: ${texts.join(', ')}`];
}

function passedOver({ skipped }: LoggedAttempt): string[] {
  const text = skippedText(skipped);
  return text === '' ? [] : [`Passed over: ${text}`];
}

function whatHappened({ status, failure, failure_detail: detail, upstream_code: code, policy, verdict, backoff }: LoggedAttempt): string {
  const answer =
    failure !== null && status !== null
      ? `Answered ${status}, but ${detail ?? FAILURES[failure] ?? failure}`
      : failure !== null
        ? `No answer: ${detail ?? FAILURES[failure] ?? failure}`
        : status === null
          ? 'No answer yet when this was written'
          : `Answered ${status}${code === null ? '' : ` (${code})`}`;
  // A failure has said what it is already.
  const meaning = failure !== null && status === null ? '' : (POLICIES[policy] ?? policy);
  const then = verdict === 'in_progress' ? '' : `; ${VERDICTS[verdict] ?? verdict}`;
  return `${answer}${meaning === '' ? '' : `: ${meaning}`}${then}${backoff === null ? '' : `; it is left alone for a while for ${BACKOFFS[backoff] ?? backoff}`}`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
