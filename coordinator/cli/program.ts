import { Command, CommanderError } from 'commander';
import { packageVersion } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import { addBench } from './commands/bench.ts';
import { addChat } from './commands/chat.ts';
import { addDevices } from './commands/devices.ts';
import { addInspect } from './commands/inspect.ts';
import { addJoin } from './commands/join.ts';
import { addList } from './commands/list.ts';
import { addLogits } from './commands/logits.ts';
import { addQuantize } from './commands/quantize.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve.ts';
import { addTokenize } from './commands/tokenize.ts';
import { exitCodeFor, exitCodes } from './exit-codes.ts';

function buildProgram(): Command {
  const program = new Command('hearth')
    .description(
      'One language model, run across the devices you already own. Without a command: serve the built-in model.',
    )
    .version(packageVersion())
    .showHelpAfterError('(hearth --help lists commands and options)')
    .exitOverride();
  addServe(program);
  for (const add of [
    addRun,
    addChat,
    addJoin,
    addDevices,
    addList,
    addInspect,
    addLogits,
    addTokenize,
    addQuantize,
    addBench,
  ])
    add(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Runs one command line. @returns the exit code, see docs/cli.md */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(args as string[], { from: 'user' });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    // Commander has printed its message already; help and version end with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    process.stderr.write(`hearth: ${describe(error)}\n`);
    return exitCodeFor(error);
  }
}

function describe(error: unknown): string {
  if (error instanceof HearthError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
