import { isLoopback, parseToml } from '@switchyard/config';
import type { Finding } from '../operations/operations.ts';

/** An address that codex is told, and where it is told. */
interface Told {
  readonly at: string;
  readonly url: URL;
}

/** Paths of this gateway below which codex finds what it asks for. */
const MODEL_PATHS: ReadonlySet<string> = new Set(['/v1', '/backend-api/codex']);
const BACKEND_PATH = '/backend-api';
const CHATGPT_HOSTS: ReadonlySet<string> = new Set(['chatgpt.com', 'chat.openai.com']);

/**
 * What in a configuration of codex keeps it from this gateway without a word (codex-protocol section 8.5).
 * @param text     Of its `config.toml`; what is no TOML codex itself complains of.
 * @param path     Where that lies.
 * @param address  Of this gateway: `http://HOST:PORT`.
 */
export function checkCodexConfig(text: string, path: string, address: string): Finding[] {
  const config = parseToml(text) ?? {};
  const here = new URL(address);
  const models = modelAddresses(config).filter(({ url }) => leadsTo(url, here));
  const backend = toldAt('chatgpt_base_url', config['chatgpt_base_url']);
  const evidence = (of: readonly Told[]): string[] => of.map(({ at, url }) => `${at} = "${shown(url)}" in ${path}`);
  const bypassing = models.filter(({ url }) => backend !== null && shown(url) === `${shown(backend.url)}/codex`);
  const astray = models.filter((told) => !bypassing.includes(told) && !MODEL_PATHS.has(pathOf(told.url)));
  const findings: Finding[] = [];
  if (bypassing.length > 0)
    findings.push({
      id: 'codex_bypass',
      severity: 'warning',
      cause: 'Codex takes this for the ChatGPT backend itself, asks where its workspace lives, and sends its model traffic there, past this gateway.',
      evidence: evidence(bypassing),
      next_action: `Set it to "${address}/v1" there.`,
    });
  if (astray.length > 0)
    findings.push({
      id: 'codex_base_url',
      severity: 'warning',
      cause: 'Codex is told an address of this gateway below which there is nothing that it asks for.',
      evidence: evidence(astray),
      next_action: `Set it to "${address}/v1" there.`,
    });
  if (backend !== null && !knowsAccounts(backend.url, here, models.length > 0))
    findings.push({
      id: 'codex_backend_url',
      severity: 'warning',
      cause: 'Codex asks for its account and its quota at an address that does not know them; signed in with ChatGPT, it fails every turn.',
      evidence: evidence([backend]),
      next_action: `Set it to "${address}${BACKEND_PATH}" there, or take it out to have ChatGPT asked.`,
    });
  return findings;
}

/** Of each provider, and of the built-in one. */
function modelAddresses(config: Readonly<Record<string, unknown>>): Told[] {
  const providers = Object.entries(tableOr(config['model_providers']));
  const named = providers.map(([id, provider]) => toldAt(`model_providers.${id}.base_url`, tableOr(provider)['base_url']));
  return [...named, toldAt('openai_base_url', config['openai_base_url'])].filter((told) => told !== null);
}

/** Whether the questions of a login are answered there. @param isOurs  Codex sends models to this gateway */
function knowsAccounts(backend: URL, here: URL, isOurs: boolean): boolean {
  return leadsTo(backend, here) ? pathOf(backend) === BACKEND_PATH : !isOurs || CHATGPT_HOSTS.has(backend.hostname);
}

function toldAt(at: string, value: unknown): Told | null {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return url === null ? null : { at, url };
}

function tableOr(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Whether two addresses are one listener: an own machine has several names. */
function leadsTo(url: URL, here: URL): boolean {
  return portOf(url) === portOf(here) && (url.hostname === here.hostname || (isOwnMachine(url) && isOwnMachine(here)));
}

function isOwnMachine({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isLoopback(host) || host === '0.0.0.0' || host === '::';
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function pathOf({ pathname }: URL): string {
  return pathname.replace(/\/+$/, '');
}

/** Without user, query and fragment, which may hold secrets. */
function shown(url: URL): string {
  return url.origin + pathOf(url);
}
