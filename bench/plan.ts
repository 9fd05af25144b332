/** What can be measured. Each name is what `--only` takes. */
export const MEASURES = [
  'unary',
  'rejected',
  'healthz',
  'bodies',
  'events',
  'flood',
  'frames',
  'first-byte',
  'paced',
  'open-streams',
  'start',
  'choice',
  'bindings',
  'grown',
  'overload',
] as const;
export type Measure = (typeof MEASURES)[number];

/** How much of it, and for how long. All times in milliseconds. */
export interface Plan {
  readonly measures: readonly Measure[];
  /** Names of subjects, in the order of the first round. */
  readonly subjects: readonly string[];
  /** Rounds that count. */
  readonly rounds: number;
  /** After so many rounds the subjects are started anew, warmed up, and measured once more for a round that is thrown away. */
  readonly roundsPerStart: number;
  readonly settleMs: number;
  readonly windowMs: number;
  /** The windows of the warming up. */
  readonly warmMs: number;
  /** The windows of a round that is thrown away. */
  readonly discardMs: number;
  /** Streams of each subject that one round of first bytes counts. */
  readonly firstByteStreams: number;
  /** How many streams are held open, how often with each fresh process, and whether by peers too: Portkey takes minutes to open 9 000. */
  readonly openStreams: readonly { readonly streams: number; readonly rounds: number; readonly peers: boolean }[];
  readonly holdMs: number;
  readonly overloadMs: number;
  /** No round and no fresh process is begun after this many seconds; undefined takes the time it needs. */
  readonly enoughSeconds?: number;
  /** The folder of the result files; undefined is `bench/results`. */
  readonly results?: string;
}

/**
 * Everything, in many short rounds: a machine that others share changes its pace within seconds, and a ratio holds only between neighbours.
 * Each process of Node settles on compiled code of its own, which may be a fifth faster or slower than that of the next: so there are several.
 */
export const FULL_PLAN: Plan = {
  measures: MEASURES,
  subjects: ['nginx', 'haproxy', 'bare-node', 'portkey', 'switchyard'],
  rounds: 15,
  roundsPerStart: 3,
  settleMs: 300,
  windowMs: 700,
  warmMs: 10_000,
  discardMs: 2_000,
  firstByteStreams: 250,
  openStreams: [
    { streams: 1000, rounds: 3, peers: true },
    { streams: 9000, rounds: 3, peers: false },
  ],
  holdMs: 5000,
  overloadMs: 60_000,
};

const LONG: ReadonlySet<Measure> = new Set<Measure>(['flood', 'paced', 'frames', 'choice', 'bindings', 'grown', 'overload']);

/** A look that ends within three minutes: for work on the code, not for the board. */
export const QUICK_PLAN: Plan = {
  ...FULL_PLAN,
  measures: MEASURES.filter((measure) => !LONG.has(measure)),
  subjects: ['bare-node', 'portkey', 'switchyard'],
  rounds: 2,
  settleMs: 300,
  windowMs: 1000,
  warmMs: 3000,
  discardMs: 3000,
  firstByteStreams: 300,
  openStreams: [{ streams: 1000, rounds: 1, peers: true }],
  holdMs: 2500,
  enoughSeconds: 140,
};

/** @throws Error naming the argument and what it may be. */
export function readPlan(args: readonly string[]): Plan {
  let plan: Plan = args.includes('--quick') ? QUICK_PLAN : FULL_PLAN;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const value = args[i + 1];
    switch (arg) {
      case '--quick':
        break;
      case '--only':
        plan = { ...plan, measures: names(arg, value, MEASURES) };
        i++;
        break;
      case '--subjects':
        plan = { ...plan, subjects: names(arg, value, FULL_PLAN.subjects) };
        i++;
        break;
      case '--results':
        if (value === undefined) throw new Error('--results takes a folder.');
        plan = { ...plan, results: value };
        i++;
        break;
      case '--rounds': {
        const rounds = Number(value);
        if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
          throw new Error(`--rounds takes a whole number from 1 to 100, not ${JSON.stringify(value)}.`);
        plan = { ...plan, rounds, openStreams: plan.openStreams.map((open) => ({ ...open, rounds: Math.min(rounds, 3) })) };
        i++;
        break;
      }
      default:
        throw new Error(
          `Unknown argument ${JSON.stringify(arg)}. Usage: npm run bench -- [--quick] [--rounds N] [--only A,B] [--subjects A,B] [--results FOLDER]`,
        );
    }
  }
  return plan;
}

function names<T extends string>(arg: string, value: string | undefined, known: readonly T[]): T[] {
  const asked = (value ?? '').split(',');
  const unknown = asked.find((name) => !known.includes(name as T));
  if (unknown !== undefined) throw new Error(`${arg} does not know ${JSON.stringify(unknown)}. It takes, with commas between: ${known.join(', ')}.`);
  return asked as T[];
}
