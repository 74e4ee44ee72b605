import { readFile, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { kernelBuilds } from '../../../device-agent/node/kernel-files.ts';
import { HearthError } from '../../../runtime/error.ts';
import { defaultThreshold, thresholdLimit } from '../../../runtime/model/approximation.ts';
import type { ModelFile } from '../../../runtime/model/model-file.ts';
import { encodeChat } from '../../chat/encode-chat.ts';
import { findModel } from '../../files/model-folder.ts';
import { openModel, readTokenizer } from '../../files/open-model.ts';
import { writeModel } from '../../files/write-model.ts';
import { corpus } from '../../sparsity/corpus.ts';
import { evaluateApproximation, formatEvaluations } from '../../sparsity/evaluate-approximation.ts';
import { firingHtml, firingSvg } from '../../sparsity/firing-plot.ts';
import { type FiringProfile, profilePath, writeProfile } from '../../sparsity/firing-profile.ts';
import { firingReport, formatFiring } from '../../sparsity/firing-report.ts';
import { measureCuts } from '../../sparsity/measure-cuts.ts';
import { measureFiring } from '../../sparsity/measure-firing.ts';
import { predictorContents, predictorPath } from '../../sparsity/predictor-file.ts';
import { gatherSamples, type LayerSamples } from '../../sparsity/training/samples.ts';
import { formatTraining, trainingReport } from '../../sparsity/training/training-report.ts';
import { numberBetween, wholeNumber } from '../options.ts';
import { type OutputOptions, printJson } from '../output.ts';
import { Progress } from '../progress.ts';

interface ProfileOptions extends OutputOptions {
  readonly text?: string;
  readonly tokens: number;
  readonly out?: string;
  readonly sparsity: number;
  readonly trainPredictor?: boolean;
  readonly seed: number;
  readonly evaluate?: readonly number[] | true;
}

/** Predictors take their part of the memory that they save: half of what Q8_0 would. */
const predictorType = 'Q4_0';

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
    .addOption(
      new Option('--sparsity <share>', "of a SwiGLU model's neurons, how many are to be left out")
        .argParser(numberBetween(0, 0.99))
        .default(0.5),
    )
    .option('--train-predictor', 'train predictors of which neurons fire, of a model with a ReLU gate')
    .addOption(
      new Option('--seed <n>', "of the predictors' training").argParser(wholeNumber(0, 2 ** 32)).default(0),
    )
    .addOption(
      new Option(
        '--evaluate [thresholds]',
        'instead hold answers with predicted neurons, at thresholds such as -1,0,1, or cuts against exact ones',
      ).argParser(thresholds),
    )
    .option('--json', 'print JSON')
    .action(async (name: string, options: ProfileOptions) => {
      const model = await openModel(name);
      try {
        const tokens = (await textTokens(model, options.text)).slice(0, options.tokens);
        if (options.evaluate) await evaluate(model, tokens, options);
        else await profile(model, await findModel(name), tokens, options);
      } finally {
        await model.close();
      }
    });
}

async function profile(
  model: ModelFile,
  modelPath: string,
  tokens: readonly number[],
  options: ProfileOptions,
): Promise<void> {
  const isSilu = model.config.activation === 'silu';
  if (isSilu && options.trainPredictor)
    throw new HearthError(
      'USAGE',
      'predictors are of a model with a ReLU gate; this one has SwiGLU, and cuts',
      {},
    );
  const path = options.out ?? profilePath(modelPath);
  const progress = new Progress('reading');
  const onProgress = (done: number, total: number) => progress.update(done, total);
  const kernels = kernelBuilds();
  const cuts = isSilu
    ? await measureCuts(model, kernels, tokens, options.sparsity, { onProgress })
    : undefined;
  const samples = options.trainPredictor ? gatherSamples(model.config, tokens.length) : undefined;
  const probe = samples?.probe;
  const found = await measureFiring(model, kernels, tokens, { cuts, probe, onProgress });
  const plot = await writeAll(path, found);
  const report = firingReport(found);
  const trained = samples && (await train(model, modelPath, samples.layers, options));
  if (options.json)
    printJson({
      profile: path,
      activation: model.config.activation,
      ...report,
      ...(trained && { predictors: trained }),
    });
  else {
    process.stdout.write(
      `${formatFiring(report)}${note(model, options)}profile: ${path}, with ${plot}.svg and .html\n`,
    );
    if (trained) process.stdout.write(formatTraining(trained));
  }
}

/** @returns what the plots' names begin with */
async function writeAll(path: string, found: FiringProfile): Promise<string> {
  const plot = path.replace(/\.json$/, '');
  await writeProfile(path, found);
  await writeFile(`${plot}.svg`, firingSvg(found));
  await writeFile(`${plot}.html`, firingHtml(found));
  return plot;
}

async function train(
  { name, gguf }: ModelFile,
  modelPath: string,
  samples: readonly LayerSamples[],
  { seed }: ProfileOptions,
) {
  // TensorFlow.js is loaded where it is needed.
  const { trainPredictors } = await import('../../sparsity/training/train-predictors.ts');
  const progress = new Progress('training');
  const layers = await trainPredictors(samples, kernelBuilds(), {
    type: predictorType,
    gateType: gguf.tensors.get('blk.0.ffn_gate.weight')!.type,
    seed,
    onLayer: (done, total) => progress.update(done, total),
  });
  if (layers.every(({ predictor }) => !predictor)) return trainingReport(undefined, layers);
  const path = predictorPath(modelPath);
  await writeModel(path, predictorContents(name, layers, predictorType), { force: true });
  return trainingReport(path, layers);
}

async function evaluate(model: ModelFile, tokens: readonly number[], options: ProfileOptions): Promise<void> {
  const tried = options.evaluate === true ? [defaultThreshold] : options.evaluate!;
  const progress = new Progress('reading');
  const evaluations = await evaluateApproximation(model, kernelBuilds(), tokens, tried, (done, total) =>
    progress.update(done, total),
  );
  if (options.json) printJson({ model: model.name, tokens: tokens.length, evaluations });
  else process.stdout.write(`${model.name}, ${tokens.length} tokens\n${formatEvaluations(evaluations)}`);
}

/** `-1,0,1` */
function thresholds(text: string): number[] {
  return text.split(',').map(numberBetween(-thresholdLimit, thresholdLimit));
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

function note({ config }: ModelFile, { sparsity }: ProfileOptions): string {
  if (config.activation !== 'silu') return '';
  const percent = (100 * sparsity).toFixed(0);
  return `This model has SwiGLU: firing is |silu(gate)| above a cut, below which ${percent} % of a layer lie.\n`;
}
