import { Command, CommanderError } from 'commander';
import { packageVersion } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import { exitCodeFor, exitCodes } from './exit-codes.ts';

type AddCommand = (program: Command) => void;

/** In the order of the help. Each is loaded when it is needed: a server's packages take time and memory. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./commands/serve.ts')).addServe,
  run: async () => (await import('./commands/run.ts')).addRun,
  chat: async () => (await import('./commands/chat.ts')).addChat,
  join: async () => (await import('./commands/join.ts')).addJoin,
  devices: async () => (await import('./commands/devices.ts')).addDevices,
  key: async () => (await import('./commands/key.ts')).addKey,
  pull: async () => (await import('./commands/pull.ts')).addPull,
  list: async () => (await import('./commands/list.ts')).addList,
  show: async () => (await import('./commands/show.ts')).addShow,
  rm: async () => (await import('./commands/rm.ts')).addRemove,
  inspect: async () => (await import('./commands/inspect.ts')).addInspect,
  plan: async () => (await import('./commands/plan.ts')).addPlan,
  logits: async () => (await import('./commands/logits.ts')).addLogits,
  tokenize: async () => (await import('./commands/tokenize.ts')).addTokenize,
  profile: async () => (await import('./commands/profile.ts')).addProfile,
  sparsify: async () => (await import('./commands/sparsify.ts')).addSparsify,
  quantize: async () => (await import('./commands/quantize.ts')).addQuantize,
  bench: async () => (await import('./commands/bench.ts')).addBench,
};

/** @param name of the one command that is asked for; where it is none, all are there to be listed */
async function buildProgram(name: string | undefined): Promise<Command> {
  const program = new Command('hearth')
    .description(
      'One language model, run across the devices you already own. Without a command: serve the built-in model.',
    )
    .version(packageVersion())
    .showHelpAfterError('(hearth --help lists commands and options)')
    .exitOverride();
  const asked = name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
  for (const command of asked) (await commands[command]!())(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Runs one command line. @returns the exit code, see docs/cli.md */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await buildProgram(args[0]);
    await program.parseAsync(args as string[], { from: 'user' });
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
