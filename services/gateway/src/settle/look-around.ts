import type { Ground } from '../ground.ts';
import { hasCompany } from '../store/instance.ts';
import type { Journal } from './journal.ts';

interface LookAroundParts extends Pick<Ground, 'database' | 'instanceId' | 'timing'> {
  readonly journal: Pick<Journal, 'tellsOthers'>;
}

/** Has the journal tell other processes on the database what is bound for as long as there are any. */
export async function lookAround({ database, instanceId, timing, journal }: LookAroundParts): Promise<Disposable> {
  const look = async (): Promise<void> => {
    if (database.isAvailable()) journal.tellsOthers = await hasCompany(database.pool, instanceId);
  };
  await look();
  const looking = setInterval(() => void look().catch(() => {}), timing.lookAroundMs);
  looking.unref();
  return { [Symbol.dispose]: () => clearInterval(looking) };
}
