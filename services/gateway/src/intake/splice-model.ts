import type { Account } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import type { RequestFacts } from './read-facts.ts';

/** The name under which an account is asked for the model of a request; null when it is the client's own. */
export function sentModel({ model, facts }: Pick<Taken, 'model' | 'facts'>, { modelMap }: Pick<Account, 'modelMap'>): string | null {
  if (model === null) return null;
  const name = modelMap === null ? model : (modelMap.get(model) ?? model);
  return name === facts!.model ? null : name;
}

/**
 * The body of a request with another name of a model in the place of the client's: over HTTP the one edit that is made to what is passed on. All
 * other bytes stay as they are.
 */
export function spliceModel({ body, modelAt, modelEnd }: Pick<RequestFacts, 'body' | 'modelAt' | 'modelEnd'>, name: string): Buffer {
  return Buffer.concat([body.subarray(0, modelAt), Buffer.from(JSON.stringify(name)), body.subarray(modelEnd)]);
}
