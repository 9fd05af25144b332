import { SwitchyardError } from '@switchyard/contracts';
import type { AccountKind } from '../choice/account.ts';

/** What an account is made from, wherever it was declared. */
export interface AccountDraft {
  readonly name: string;
  readonly kind: AccountKind;
  readonly baseUrl: string;
  /** In the clear: it lives no longer than the call, and is stored sealed. */
  readonly credential: string | null;
  /** Null: ask the upstream. */
  readonly models: readonly string[] | null;
  readonly priority: number;
  readonly organization: string | null;
  readonly project: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const VISIBLE = /^[\x21-\x7e]+$/;
const MODEL = /^[^\p{Cc}\p{Cs}]{1,256}$/u;
// Headers that are ours or the connection's to set.
const RESERVED_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'authorization',
  'accept-encoding',
  'te',
  'upgrade',
  'expect',
  'keep-alive',
]);

/**
 * Checks what a person or a script has written.
 * @throws SwitchyardError `invalid_value`, naming the field; never quoting the credential
 */
export function checkDraft(draft: AccountDraft): void {
  refuseUnless(NAME.test(draft.name), 'name', 'must begin with a letter or digit and have at most 64 letters, digits, ".", "_" or "-"');
  if (draft.kind !== 'sandbox') refuseUnless(draft.name !== 'sandbox', 'name', 'must not be "sandbox": that one is built in');
  refuseUnless(isBaseUrl(draft.baseUrl), 'base_url', 'must be an http or https address without user, query or fragment, such as https://api.openai.com/v1');
  if (draft.kind === 'openai') refuseUnless(draft.credential !== null, 'credential', 'is needed for an account of kind "openai"');
  if (draft.credential !== null)
    refuseUnless(VISIBLE.test(draft.credential) && draft.credential.length <= 4_096, 'credential', 'must be 1 to 4096 visible ASCII characters');
  if (draft.models !== null) {
    refuseUnless(draft.models.length > 0, 'models', 'must name at least one model, or be left out to ask the upstream');
    for (const model of draft.models) refuseUnless(MODEL.test(model), 'models', 'must be names of 1 to 256 printable characters');
  }
  refuseUnless(Number.isInteger(draft.priority) && draft.priority >= 0 && draft.priority <= 1_000_000, 'priority', 'must be a whole number from 0 to 1000000');
  for (const [field, value] of [
    ['organization', draft.organization],
    ['project', draft.project],
  ] as const) {
    if (value !== null) refuseUnless(VISIBLE.test(value) && value.length <= 200, field, 'must be 1 to 200 visible ASCII characters');
  }
  for (const [name, value] of Object.entries(draft.headers)) {
    refuseUnless(
      HEADER_NAME.test(name) && !RESERVED_HEADERS.has(name.toLowerCase()),
      'headers',
      `must not set "${name.slice(0, 64).replace(/[^\x21-\x7e]/g, '?')}"`,
    );
    refuseUnless(HEADER_VALUE.test(value), 'headers', 'must have values of printable characters');
  }
}

function refuseUnless(holds: boolean, param: string, must: string): void {
  if (!holds) throw new SwitchyardError('invalid_value', `The field \`${param}\` ${must}.`, { param });
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}

/** Headers that an account puts on each request, flat: its credential and its own settings. */
export function accountHeaders(draft: Pick<AccountDraft, 'credential' | 'organization' | 'project' | 'headers'>): string[] {
  const flat: string[] = [];
  if (draft.credential !== null) flat.push('authorization', `Bearer ${draft.credential}`);
  if (draft.organization !== null) flat.push('openai-organization', draft.organization);
  if (draft.project !== null) flat.push('openai-project', draft.project);
  for (const [name, value] of Object.entries(draft.headers)) flat.push(name, value);
  return flat;
}

/** The path of a base URL without a slash at its end: `/v1` of `https://host/v1/`. */
export function basePathOf(baseUrl: string): string {
  return new URL(baseUrl).pathname.replace(/\/+$/, '');
}
