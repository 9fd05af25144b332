/**
 * The platform as lockfiles name it.
 * @type {import('./missing-packages.mjs').Host}
 */
export const thisHost = {
  os: process.platform,
  cpu: process.arch,
  libc() {
    if (process.platform !== 'linux') return null;
    const report = /** @type {{ excludeNetwork: boolean, getReport: () => any }} */ (/** @type {unknown} */ (process.report));
    report.excludeNetwork = true; // else the report asks the resolver for the names of open connections
    return report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  },
};
