import type { Command } from 'commander';
import { listModels, modelFolder } from '../../files/model-folder.ts';
import { listPartialModels } from '../../pull/partial-models.ts';
import { formatBytes, formatTable, type OutputOptions, printJson } from '../output.ts';

export function addList(program: Command): void {
  program
    .command('list')
    .description('list the models that can be named: the built-in one and those in the model folder')
    .option('--json', 'print JSON')
    .action(async ({ json }: OutputOptions) => {
      const models = await listModels();
      const partials = await listPartialModels(modelFolder());
      if (json) return printJson([...models, ...partials]);
      process.stdout.write(
        formatTable([
          ['NAME', 'SIZE', 'FILE'],
          ...models.map((model) => [model.name, formatBytes(model.bytes), model.path]),
          ...partials.map(({ name, bytes, doneBytes }) => [
            name,
            formatBytes(bytes),
            `pulled to ${Math.floor((100 * doneBytes) / bytes)}%: the same hearth pull goes on, hearth rm removes it`,
          ]),
        ]),
      );
      process.stdout.write(`\nGGUF files in ${modelFolder()} are found by name.\n`);
    });
}
