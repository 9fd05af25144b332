/** In words, for refusals and docs. */
export const NODE_RANGE = '24.11 or newer (not 25), or 26 or newer';

/**
 * Whether a Node version runs our sources: long-term lines that strip types without a flag (architecture 1).
 * @param {string} version  As `process.versions.node`.
 */
export function isNodeFit(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 24 && minor >= 11) || major >= 26;
}
