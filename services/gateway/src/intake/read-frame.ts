import { SwitchyardError } from '@switchyard/contracts';
import { NO_CLAIMS } from '../bindings/claims.ts';
import type { Surface } from '../routes.ts';
import { JsonScanner } from './json-scanner.ts';
import type { FieldSpan } from './json-scanner.ts';
import type { RequestHead } from '../edge/read-head.ts';
import { CONTINUING, INPUT, factsOf } from './read-facts.ts';
import type { RequestFacts } from './read-facts.ts';
import { TURN_STATE, statePlaceIn } from './splice-turn.ts';

/** The frame that asks for a turn. */
export const CREATE = 'response.create';

/** What a client's frame says. */
export interface FrameFacts {
  readonly type: string;
  /** Null unless it asks for a turn. */
  readonly turn: RequestFacts | null;
  /** The turn state that codex sends back within a turn (codex-protocol 2.4). */
  readonly turnState: string | null;
}

const FRAME_FIELDS: ReadonlySet<string> = new Set([...CONTINUING, 'type', 'generate']);
/** A larger frame is scanned in pieces of this size, so that it never stalls the others. */
const SLICE = 262_144;
const MAX_METADATA = 65_536;

/**
 * Checks a frame as strictly as a body and reads what routing needs.
 * @param head        Of the upgrade: it names the conversation for all turns of the socket.
 * @param readsItems  Whether to look into `input` for what it continues.
 * @throws SwitchyardError for every refusal of the intake
 */
export async function readFrame(frame: Buffer, surface: Surface, head: RequestHead, readsItems: boolean): Promise<FrameFacts> {
  const scanner = new JsonScanner(FRAME_FIELDS, false, readsItems ? INPUT : null);
  for (let at = 0; at < frame.length; at += SLICE) {
    if (at > 0) await new Promise(setImmediate);
    scanner.push(frame.subarray(at, at + SLICE));
  }
  scanner.end();
  const type = scanner.string('type');
  if (type === undefined) throw new SwitchyardError('missing_required_parameter', 'The field `type` is missing.', { param: 'type' });
  if (type !== CREATE) return { type, turn: null, turnState: null };
  const facts = factsOf(frame, scanner, surface, head, readsItems);
  if (facts.model === null) throw new SwitchyardError('missing_required_parameter', 'The field `model` is missing.', { param: 'model' });
  const span = scanner.fields.get('client_metadata');
  const metadata = span === undefined ? null : metadataIn(frame, span);
  const turnState = turnStateOf(metadata);
  // The state of a turn is in its frames, never in the head that they all share.
  const claims = facts.claims === null && turnState === null ? null : { ...(facts.claims ?? NO_CLAIMS), turnState };
  const isWarmUp = scanner.fields.get('generate')?.kind === 'false';
  return { type, turn: { ...facts, claims, stream: true, frame: { isWarmUp, statePlace: statePlaceIn(frame, span, metadata) } }, turnState };
}

type Metadata = Readonly<Record<string, unknown>>;

function metadataIn(frame: Buffer, { kind, start, end }: FieldSpan): Metadata | null {
  return kind === 'object' && end - start <= MAX_METADATA ? (JSON.parse(frame.toString('utf8', start, end)) as Metadata) : null;
}

function turnStateOf(metadata: Metadata | null): string | null {
  const state = metadata?.[TURN_STATE];
  return typeof state === 'string' && state !== '' ? state : null;
}
