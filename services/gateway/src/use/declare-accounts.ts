import type { AccountDraft } from '../accounts/account-draft.ts';
import type { AccountRegistry } from '../accounts/account-registry.ts';
import type { Ground } from '../ground.ts';
import { askModels, declareAccount } from './accounts.ts';
import type { Control } from './control.ts';
import { keepAsking, learnModels } from './learn-models.ts';
import type { LearnModelsOptions } from './learn-models.ts';

interface DeclareParts extends Pick<Ground, 'log'> {
  readonly registry: AccountRegistry;
  readonly control: Control;
}

/**
 * Declares the accounts of this process, effective with the next reading.
 * @returns ends the asking of those whose models are not known yet
 */
export async function declareAccounts(declared: readonly AccountDraft[], { log, registry, control }: DeclareParts): Promise<Disposable> {
  registry.declare(new Map(declared.map((draft) => [draft.name, draft])));
  const learning: LearnModelsOptions<AccountDraft> = {
    ask: (draft) => askModels(control, draft),
    store: (draft, models) => declareAccount(control, draft, draft.kind === 'sandbox' ? 'builtin' : 'file', models),
    applied: control.applied,
    log,
  };
  const unknown = await learnModels(declared, learning);
  return { [Symbol.dispose]: keepAsking(unknown, learning) };
}
