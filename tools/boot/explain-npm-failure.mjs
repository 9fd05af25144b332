import { Refusal } from './refusal.mjs';

/**
 * What npm's complaint means and what to do about it, most telling first. `at` is the folder that was being installed, `mb` what it needs.
 * @type {readonly { match: RegExp, say: (at: string, mb: number) => [problem: string, remedy: string] }[]}
 */
const FAILURES = [
  {
    match: /\bENOSPC\b|no space left/i,
    say: (at, mb) => [
      `The disk is full: the packages of ${at} could not be written.`,
      `Free about ${mb} MB there and in npm's cache (\`npm config get cache\`), then run the same command again.`,
    ],
  },
  {
    match: /\bEROFS\b|read-only file system/i,
    say: (at) => [
      `${at} is on a read-only file system, and its packages are not installed.`,
      'Install once where it can be written (`npm start`), or clone into a writable folder.',
    ],
  },
  {
    match: /\b(EACCES|EPERM)\b/,
    say: (at) => [
      `This user may not write to ${at} or to npm's cache.`,
      'Give the folders to this user (`chown -R`), or clone again as this user; do not run the server as root for this.',
    ],
  },
  {
    match:
      /\b(ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|EPROTO|FETCH_ERROR)\b|network|certificate/i,
    say: () => [
      "npm's registry cannot be reached, and the packages are not all in npm's cache.",
      'Check the network and proxy (`npm ping`, `npm config get registry`), then run the same command again; what was fetched is kept.',
    ],
  },
  {
    match: /\b(E401|E403|E407|ENEEDAUTH)\b/,
    say: () => ["npm's registry refused us.", 'Check the registry and its token (`npm config get registry`, `npm whoami`), then run the same command again.'],
  },
  {
    match: /\b(E404|ETARGET|ENOVERSIONS)\b/,
    say: () => [
      "npm's registry does not have a version that package-lock.json names.",
      'Point npm at a complete registry (`npm config get registry`), then run the same command again.',
    ],
  },
  {
    match: /\bEINTEGRITY\b/,
    say: () => [
      'A downloaded package is not the one that package-lock.json recorded.',
      'Run `npm cache verify` and try again; if it repeats, a proxy or the registry alters packages: do not go on.',
    ],
  },
  {
    match: /\bEUSAGE\b|package\.json and package-lock\.json/,
    say: (at) => [
      `package.json and package-lock.json of ${at} do not belong together.`,
      'Run `npm install` in that folder and commit the lockfile, or restore both files (`git checkout`).',
    ],
  },
  {
    match: /\bEBADPLATFORM\b|Unsupported platform/,
    say: () => [
      `A package does not support this platform (${process.platform} ${process.arch}).`,
      'Tested on Linux x64; see the README for what else is known to work.',
    ],
  },
];

/**
 * Turns npm's output after a failed install into a sentence with a remedy. npm's own first lines follow, without anything that looks like a credential.
 * @param {string} output
 * @param {{ at: string, mb: number }} where
 */
export function explainNpmFailure(output, { at, mb }) {
  // The summary lines carry the code; other lines may name codes of attempts that were repeated with success.
  const coded = output
    .split('\n')
    .filter((line) => /^npm (error|ERR!) (code|errno)\b/.test(line))
    .join('\n');
  const failure = FAILURES.find(({ match }) => match.test(coded)) ?? FAILURES.find(({ match }) => match.test(output));
  const [problem, remedy] = failure?.say(at, mb) ?? [
    `npm could not install the packages of ${at}.`,
    'Mend what it names below, then run the same command again.',
  ];
  return new Refusal(problem, `${remedy}\n${tellingLines(output)}`.trimEnd());
}

// npm says the code first, then the cause, then general advice that our remedy replaces.
function tellingLines(output) {
  const lines = output
    .split('\n')
    .filter((line) => /^npm (error|ERR!) +\S/.test(line) && !/complete log of this run|debug-\d+\.log|^npm \S+ +at \S/.test(line));
  return lines
    .slice(0, 6)
    .map((line) => `  | ${line.replace(/\/\/[^/@\s]+@/g, '//').replace(/(token|password|auth)=\S+/gi, '$1=…')}`)
    .join('\n');
}
