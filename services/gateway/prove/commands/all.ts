import type { Command } from '../command.ts';
import { changeMode, deny, die, revive } from './accounts.ts';
import { burst } from './burst.ts';
import { crash, crashAtEnd, findDatabase, join, loseDatabase, part, restart } from './gateways.ts';
import { compact, goOn, mixUp, readBack, ride } from './go-on.ts';
import { leave, readOn, release, stopReading } from './in-progress.ts';
import { claimStolen, replaceAccount, replaceKey, steal } from './reload.ts';
import { start } from './start.ts';
import { passTime, setClock } from './time.ts';
import { turn, turnOn } from './turn.ts';

/** Everything that may happen. */
export const COMMANDS: readonly Command[] = [
  start,
  goOn,
  mixUp,
  compact,
  readBack,
  ride,
  turn,
  turnOn,
  release,
  leave,
  stopReading,
  readOn,
  changeMode,
  die,
  revive,
  deny,
  passTime,
  setClock,
  restart,
  crash,
  crashAtEnd,
  burst,
  join,
  part,
  loseDatabase,
  findDatabase,
  replaceAccount,
  replaceKey,
  steal,
  claimStolen,
];
