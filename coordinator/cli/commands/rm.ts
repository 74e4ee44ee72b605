import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { HearthError } from '../../../runtime/error.ts';
import { modelFolder } from '../../files/model-folder.ts';
import { type ModelFiles, modelFiles, removeModel } from '../../pull/remove-model.ts';
import { count, formatBytes, type OutputOptions, printJson } from '../output.ts';

interface RemoveOptions extends OutputOptions {
  readonly yes?: boolean;
}

export function addRemove(program: Command): void {
  program
    .command('rm')
    .description('remove a model from the model folder, with all its parts and what was pulled in part')
    .argument('<name>', 'the name of a model, as hearth list shows it')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(async (name: string, { yes, json }: RemoveOptions) => {
      const files = await modelFiles(modelFolder(), name);
      if (!yes && !(await confirmed(name, files))) return;
      await removeModel(files);
      if (json) printJson({ name, removed: files.paths, bytes: files.bytes });
      else process.stdout.write(`removed ${describe(name, files)}\n`);
    });
}

/** @throws HearthError USAGE where there is nobody to ask */
async function confirmed(name: string, files: ModelFiles): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new HearthError('USAGE', `${name} is not removed without being asked to: add --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Remove ${describe(name, files)}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function describe(name: string, { paths, bytes }: ModelFiles): string {
  return `${name} (${count(paths.length, 'file')}, ${formatBytes(bytes)})`;
}
