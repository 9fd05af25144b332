import type { Check } from './check.ts';
import { brokenLinks, existsIn } from './relative-links.ts';
import { trackedFiles } from './tracked-files.ts';

export const check: Check = {
  holds: 'every relative link in Markdown leads somewhere',
  async problems(root) {
    const markdown = (await trackedFiles(root)).filter(({ path }) => path.endsWith('.md'));
    return markdown.flatMap((file) => brokenLinks(file, markdown, existsIn(root)));
  },
};
