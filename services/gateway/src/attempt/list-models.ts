import { SwitchyardError, UpstreamFailure } from '@switchyard/contracts';
import type { Upstream } from '@switchyard/contracts';
import type { AccountKind } from '../choice/account.ts';
import { collectBody } from './collect-body.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 4_194_304;
/** The ChatGPT backend lists what a codex of this version can use (codex-protocol section 4). */
const CODEX_VERSION = '0.169.0';

/**
 * Asks an upstream for its models: the proof that its address and credential work.
 * @param headers  The account's own, flat.
 * @throws SwitchyardError `account_refused`, saying what the upstream did
 */
export async function listModels(upstream: Upstream, basePath: string, headers: readonly string[], kind: AccountKind): Promise<string[]> {
  const path = `${basePath}/models${kind === 'chatgpt' ? `?client_version=${CODEX_VERSION}` : ''}`;
  const call = upstream.dispatch({
    method: 'GET',
    path,
    headers: [...headers, 'accept', 'application/json', 'accept-encoding', 'identity'],
    body: null,
    headTimeoutMs: TIMEOUT_MS,
    idleTimeoutMs: TIMEOUT_MS,
  });
  let status: number;
  let body: Buffer;
  try {
    const answer = await call.answer;
    status = answer.status;
    body = Buffer.concat((await collectBody(answer, MAX_BYTES)).front);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    throw new SwitchyardError(
      'account_refused',
      `The upstream could not be asked for its models (GET ${path}): ${error.detail ?? error.message}. Is the base URL right, and is it running?`,
      { param: 'base_url', cause: error },
    );
  } finally {
    call.abort();
  }
  if (status === 401 || status === 403)
    throw new SwitchyardError('account_refused', `The upstream refused the credential (GET ${path} gave ${status}).`, { param: 'credential' });
  if (status !== 200)
    throw new SwitchyardError(
      'account_refused',
      `The upstream did not list its models (GET ${path} gave ${status}). Does the base URL end in /v1? Without a list, name the models yourself.`,
      { param: 'base_url' },
    );
  const models = modelIds(body);
  if (models === null)
    throw new SwitchyardError('account_refused', `What the upstream answered is not a list of models (GET ${path}). Name the models yourself.`, {
      param: 'models',
    });
  return models;
}

function modelIds(body: Buffer): string[] | null {
  try {
    const parsed = JSON.parse(body.toString()) as { data?: unknown; models?: unknown } | null;
    // As the API lists them, or as the ChatGPT backend does.
    const listed = parsed?.data ?? parsed?.models;
    if (!Array.isArray(listed)) return null;
    const ids = (listed as ({ id?: unknown; slug?: unknown } | null)[])
      .map((model) => model?.id ?? model?.slug)
      .filter((id): id is string => typeof id === 'string' && id !== '');
    return [...new Set(ids)];
  } catch {
    return null;
  }
}
