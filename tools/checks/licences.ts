/** What a program that we ship may be under (architecture 8, "Licences"). Fonts add OFL. */
const RUNTIME = new Set(['MIT', 'MIT-0', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD', 'BlueOak-1.0.0', 'PostgreSQL', 'OFL-1.1']);
/** What a development tool may be under besides. */
const DEVELOPMENT = new Set([...RUNTIME, 'MPL-2.0', 'CC-BY-3.0', 'CC-BY-4.0', 'Python-2.0']);

/** A row of a lockfile, as far as licences go. */
export interface LicensedEntry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

/**
 * Packages of a lockfile whose licence is not on the list, or is not said.
 * @param packages  `packages` of a package-lock.json; other platforms' packages are judged too.
 */
export function forbiddenLicences(packages: Readonly<Record<string, LicensedEntry>>): string[] {
  return Object.entries(packages).flatMap(([path, { version, license, dev, link }]) => {
    if (!path.includes('node_modules/') || link === true) return [];
    const name = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
    if (license === undefined) return [`${name} does not say its licence in the lockfile: find out, or use another package`];
    return isAllowed(license, dev === true ? DEVELOPMENT : RUNTIME)
      ? []
      : [`${name} is under ${license}, which is not on the list for ${dev === true ? 'development' : 'runtime'}`];
  });
}

/** Reads the part of SPDX expressions that packages use: names joined by OR and AND, with brackets round the whole or a part. */
function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const inner = /\(([^()]*)\)/.exec(expression);
  if (inner) {
    const verdict = isAllowed(inner[1] ?? '', allowed) ? 'MIT' : 'UNLICENSED';
    return isAllowed(expression.slice(0, inner.index) + verdict + expression.slice(inner.index + inner[0].length), allowed);
  }
  return expression.split(/\s+OR\s+/).some((choice) => choice.split(/\s+AND\s+/).every((name) => allowed.has(name.trim())));
}
