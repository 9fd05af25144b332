/** What a test file tells us of one test. A subset of Vitest's `TestCase`, so that the sum can be tested without a run. */
export interface TalliedTest {
  readonly fullName: string;
  readonly options: { readonly mode?: string | undefined };
  result(): { readonly state: string; readonly note?: string | undefined };
}

/** What the run tells us of one test file. A subset of Vitest's `TestModule`. */
export interface TalliedFile {
  readonly relativeModuleId: string;
  ok(): boolean;
  readonly children: { allTests(): Iterable<TalliedTest> };
}

/** A whole run in three numbers. A skipped test carries its reason, because a run that hides what it left out proves nothing. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** Sums a run. A file that failed outside its tests (import, hook) and an unhandled error count as one failure each. */
export function tallyOf(files: readonly TalliedFile[], unhandledErrors: number): Tally {
  let passed = 0;
  let failed = unhandledErrors;
  const skipped: { name: string; why: string }[] = [];
  for (const file of files) {
    let failedHere = 0;
    for (const test of file.children.allTests()) {
      const { state, note } = test.result();
      if (state === 'passed') passed += 1;
      else if (state === 'failed') failedHere += 1;
      else skipped.push({ name: `${file.relativeModuleId} > ${test.fullName}`, why: note ?? whyNotRun(state, test.options.mode) });
    }
    failed += failedHere === 0 && !file.ok() ? 1 : failedHere;
  }
  return { passed, failed, skipped };
}

/** The tally as printed: what was skipped and why, then `N passed, N failed` alone on the last line. */
export function tallyText({ passed, failed, skipped }: Tally): string {
  const named = skipped.map(({ name, why }) => `skipped: ${name} (${why})`);
  const count = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  return [...named, `${passed} passed, ${failed} failed${count}`].join('\n') + '\n';
}

function whyNotRun(state: string, mode: string | undefined): string {
  if (state === 'pending') return 'did not run: the run ended first, or a hook before it failed';
  return mode === 'todo' ? 'marked todo' : 'no reason given';
}
