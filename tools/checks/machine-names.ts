import type { TrackedFile } from './tracked-files.ts';

/** What is true of one machine only. Homes of made-up people are fine as examples. */
const NAMES: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /(?<![\w.~$}-])\/work\/[\w.-]+/, what: 'a path of the machine that it was written on' },
  { pattern: /(?<![\w.~$}-])\/home\/(?!(?:me|you|user|somebody|ann|bob)\b)[\w.-]+/, what: 'a path of the machine that it was written on' },
  { pattern: /\bregistry\.(npmjs|yarnpkg|npmmirror)\b/i, what: "a registry's host; a mirror must do as well" },
  { pattern: /"resolved":\s*"https?:/, what: "a registry's host; `npm install` with our .npmrc leaves it out" },
];

/** Lines that name a machine or a registry, each with its place. */
export function machineNames({ path, text }: TrackedFile): string[] {
  return text.split('\n').flatMap((line, index) => {
    const found = NAMES.find(({ pattern }) => pattern.test(line));
    return found === undefined ? [] : [`${path}:${index + 1}: names ${found.what}`];
  });
}
