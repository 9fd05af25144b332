import type { AccountEntry } from '@switchyard/config';
import type { AccountDraft } from './account-draft.ts';

/** The accounts that this process declares: those of its file, and the sandbox unless it is switched off. */
export function declaredDrafts(entries: readonly AccountEntry[], sandboxUrl: string | null): AccountDraft[] {
  return [...entries.map(draftOfEntry), ...(sandboxUrl === null ? [] : [sandboxDraft(sandboxUrl)])];
}

function draftOfEntry(entry: AccountEntry): AccountDraft {
  return {
    name: entry.name,
    kind: entry.kind,
    baseUrl: entry.baseUrl,
    credential: entry.apiKey,
    models: entry.models,
    priority: entry.priority,
    organization: entry.organization,
    project: entry.project,
    headers: entry.headers,
    websocket: entry.websocket,
    maxInFlight: entry.maxInFlight,
    softInFlight: entry.softInFlight,
    reservePercent: entry.reservePercent,
    modelMap: entry.modelMap,
  };
}

function sandboxDraft(baseUrl: string): AccountDraft {
  return {
    name: 'sandbox',
    kind: 'sandbox',
    baseUrl,
    credential: null,
    models: null,
    priority: 1_000,
    organization: null,
    project: null,
    headers: {},
    maxInFlight: null,
    softInFlight: null,
    websocket: true,
    reservePercent: 0,
    modelMap: {},
  };
}
