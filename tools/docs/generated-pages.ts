import { readFileSync } from 'node:fs';
import { openApiDocument } from '@switchyard/service-gateway';
import { apiPage } from './api-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';

interface GeneratedPage {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The pages of docs/ that are printed from tables in the code. Those of the settings have a program of their own. */
export function generatedPages(): readonly GeneratedPage[] {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const openApi = openApiDocument({ version, dataPlane: true });
  return [
    { path: 'docs/api.md', text: apiPage(openApiDocument({ version, dataPlane: false })) },
    { path: 'docs/errors.md', text: errorsPage() },
    { path: 'docs/metrics.md', text: metricsPage() },
    { path: 'docs/openapi.json', text: `${JSON.stringify(openApi, null, 2)}\n` },
  ];
}

/**
 * The pages that are not what their tables say, by path.
 * @param read  The text that is there now; null when there is none.
 */
export function stalePages(read: (path: string) => string | null): string[] {
  return generatedPages()
    .filter(({ path, text }) => read(path) !== text)
    .map(({ path }) => path);
}
