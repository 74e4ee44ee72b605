import { readFile, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { kernelBuilds } from '../../../device-agent/node/kernel-files.ts';
import { HearthError } from '../../../runtime/error.ts';
import type { ModelFile } from '../../../runtime/model/model-file.ts';
import { encodeChat } from '../../chat/encode-chat.ts';
import { findModel } from '../../files/model-folder.ts';
import { openModel, readTokenizer } from '../../files/open-model.ts';
import { corpus } from '../../sparsity/corpus.ts';
import { firingHtml, firingSvg } from '../../sparsity/firing-plot.ts';
import { profilePath, writeProfile } from '../../sparsity/firing-profile.ts';
import { firingReport, formatFiring } from '../../sparsity/firing-report.ts';
import { measureFiring } from '../../sparsity/measure-firing.ts';
import { wholeNumber } from '../options.ts';
import { type OutputOptions, printJson } from '../output.ts';
import { Progress } from '../progress.ts';

interface ProfileOptions extends OutputOptions {
  readonly text?: string;
  readonly tokens: number;
  readonly out?: string;
}

export function addProfile(program: Command): void {
  program
    .command('profile')
    .description('count how often each neuron of a model fires while it reads a text')
    .argument('<model>', 'a GGUF file, or the name of a model')
    .option('--text <file>', 'what it reads (default: a small text of its own)')
    .addOption(
      new Option('--tokens <n>', 'read so many tokens at most')
        .argParser(wholeNumber(1, 1 << 24))
        .default(1 << 16),
    )
    .option('--out <file>', 'where to write the profile (default: MODEL.firing.json, beside the model)')
    .option('--json', 'print JSON')
    .action(async (name: string, options: ProfileOptions) => {
      const path = options.out ?? profilePath(await findModel(name));
      const model = await openModel(name);
      try {
        const tokens = (await textTokens(model, options.text)).slice(0, options.tokens);
        const progress = new Progress('reading');
        const profile = await measureFiring(model, kernelBuilds(), tokens, (done, total) =>
          progress.update(done, total),
        );
        await writeProfile(path, profile);
        const plot = path.replace(/\.json$/, '');
        await writeFile(`${plot}.svg`, firingSvg(profile));
        await writeFile(`${plot}.html`, firingHtml(profile));
        const report = firingReport(profile);
        if (options.json) printJson({ profile: path, activation: model.config.activation, ...report });
        else
          process.stdout.write(
            `${formatFiring(report)}${note(model)}profile: ${path}, with ${plot}.svg and .html\n`,
          );
      } finally {
        await model.close();
      }
    });
}

/** @throws HearthError FILE_READ_FAILED; USAGE for a text without a token */
async function textTokens(model: ModelFile, path: string | undefined): Promise<number[]> {
  const text = path === undefined ? corpus : await read(path);
  const tokens = encodeChat(readTokenizer(model.gguf), text);
  if (tokens.length === 0) throw new HearthError('USAGE', `${path} is empty: there is nothing to count`, {});
  return tokens;
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HearthError('FILE_READ_FAILED', `${path} cannot be read`, { path }, cause);
  }
}

function note({ config }: ModelFile): string {
  if (config.activation !== 'silu') return '';
  return 'This model has SwiGLU: all its neurons count for every token, and what is shown is how often gates are positive.\n';
}
