export { openServer } from './open-server.ts';
export type { Server } from './open-server.ts';
export { openControl } from './open-storage.ts';
export { runServer } from './run-server.ts';
export type { ProcessIo } from './run-server.ts';
export { findRunningServer } from './server-file.ts';
export type { RunningServer } from './server-file.ts';
export { StartRefusal } from './start-refusal.ts';
export { VERSION } from './version.ts';
