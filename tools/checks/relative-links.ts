import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { TrackedFile } from './tracked-files.ts';

const LINK = /(?<!!)\[(?:[^\]\\]|\\.)*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|!\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/gm;

/**
 * Links of a Markdown text that lead to no file, or to no heading of a file of ours.
 * @param markdown  All Markdown files, for the headings that links name.
 * @param exists    Whether a path relative to the root is there.
 */
export function brokenLinks(file: TrackedFile, markdown: readonly TrackedFile[], exists: (path: string) => boolean): string[] {
  return linksOf(file.text).flatMap(({ target, line }) => {
    const [path = '', anchor] = decodeURI(target).split('#');
    const at = path === '' ? file.path : path.startsWith('/') ? path.slice(1) : normalize(join(dirname(file.path), path));
    const place = `${file.path}:${line}`;
    if (at.startsWith('..')) return [`${place}: ${target} leaves the repository`];
    if (!exists(at)) return [`${place}: ${target} leads to nothing`];
    const page = markdown.find(({ path: other }) => other === at);
    if (anchor !== undefined && page !== undefined && !headingsOf(page.text).has(anchor.toLowerCase()))
      return [`${place}: ${target} names no heading of ${at}`];
    return [];
  });
}

/** Whether a path is there, for {@link brokenLinks}. */
export function existsIn(root: string): (path: string) => boolean {
  return (path) => existsSync(join(root, path));
}

function linksOf(text: string): { target: string; line: number }[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(LINK)].flatMap((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    const isElsewhere = /^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith('//');
    return isElsewhere ? [] : [{ target, line: prose.slice(0, match.index).split('\n').length }];
  });
}

// Code is blanked, not removed, so that line numbers stay.
function withoutCode(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ');
  return text.replace(/^( *)(```+|~~~+)[^]*?^\1\2`*~*\s*$/gm, blank).replace(/(`+)[^`\n][^\n]*?\1/g, blank);
}

// As the well-known hosts make anchors: lower case, punctuation gone, spaces to hyphens, repeats numbered.
function headingsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*\s*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  for (const [, id = ''] of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id.toLowerCase());
  return anchors;
}

function withoutFences(text: string): string {
  return text.replace(/^( *)(```+|~~~+)[^]*?^\1\2`*~*\s*$/gm, '');
}
