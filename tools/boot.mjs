// The first command of a clone: `npm start`, `npm test` and the other scripts. Runs on any Node from 18, with nothing installed.
// Older ones must still be able to read this file, so the rest is imported once the version is known to do.
const [major] = process.versions.node.split('.').map(Number);

if (major < 18) {
  process.stderr.write(
    `Node ${process.versions.node} is too old even to fetch a newer one.\nInstall Node 18 or newer (24.11 or newer saves a download), then run the same command again.\n`,
  );
  process.exitCode = 1;
} else {
  const { boot } = await import('./boot/boot.mjs');
  await boot(process.argv.slice(2));
}
