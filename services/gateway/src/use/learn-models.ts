import type { Logger } from '@switchyard/observability';

export interface LearnModelsOptions<D extends { readonly name: string }> {
  /** Asks an upstream; what it throws is logged, and the account asked again later. */
  readonly ask: (draft: D) => Promise<readonly string[]>;
  /** Stores an account with what is known of its models; null: what was known before stays. */
  readonly store: (draft: D, models: readonly string[] | null) => Promise<void>;
  /** Makes what was stored later effective. */
  readonly applied: () => Promise<void>;
  readonly log: Logger;
}

/** Longest that a start waits for upstreams, all together. */
const START_WAIT_MS = 3_000;
const RETRY_MS = 15_000;

/**
 * Stores all declared accounts, asking those for their models that do not name them: all at once, and none for longer than the start may
 * wait. @returns those whose models are not known
 */
export async function learnModels<D extends { readonly name: string; readonly models: readonly string[] | null }>(
  drafts: readonly D[],
  { ask, store, log }: LearnModelsOptions<D>,
  waitMs = START_WAIT_MS,
): Promise<D[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`It did not answer within the ${waitMs} ms that a start waits.`)), waitMs);
  });
  late.catch(() => {});
  const answers = await Promise.allSettled(drafts.map(async (draft) => draft.models ?? (await Promise.race([ask(draft), late]))));
  clearTimeout(timer);
  const unknown: D[] = [];
  for (const [i, draft] of drafts.entries()) {
    const answer = answers[i]!;
    if (answer.status === 'rejected') {
      log.warn('account_models_unknown', 'The models of an account could not be asked for; those known from before are served, and it is asked again', {
        account: draft.name,
        error: answer.reason as unknown,
      });
      unknown.push(draft);
    }
    await store(draft, answer.status === 'fulfilled' ? answer.value : null);
  }
  return unknown;
}

/** Asks again for models that are not known yet, until they are; the next round waits for the one before. @returns what ends it */
export function keepAsking<D extends { readonly name: string }>(
  unknown: readonly D[],
  { ask, store, applied, log }: LearnModelsOptions<D>,
  pauseMs = RETRY_MS,
): () => void {
  const left = new Set(unknown);
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const round = async (): Promise<void> => {
    let learnt = false;
    await Promise.all(
      [...left].map(async (draft) => {
        try {
          const models = await ask(draft).catch(() => null);
          if (models === null || stopped) return;
          await store(draft, models);
          left.delete(draft);
          learnt = true;
        } catch (error) {
          log.warn('account_models_unknown', 'Models could not be stored; it will be tried again', { account: draft.name, error });
        }
      }),
    );
    // A failure of this is told, and repeated, by what reads accounts anew.
    if (learnt && !stopped) await applied().catch(() => {});
    next();
  };
  const next = (): void => {
    if (stopped || left.size === 0) return;
    timer = setTimeout(() => void round(), pauseMs);
    timer.unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
