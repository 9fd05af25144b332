import type { Check } from './check.ts';
import { machineNames } from './machine-names.ts';
import { trackedFiles } from './tracked-files.ts';

export const check: Check = {
  holds: 'no file names a registry or a folder of one machine',
  async problems(root) {
    return (await trackedFiles(root)).flatMap(machineNames);
  },
};
