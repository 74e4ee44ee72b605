import { type Command, Option } from 'commander';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import { inexactness } from '../../../runtime/model/approximation.ts';
import { defaultSampling, type SamplingParams } from '../../../runtime/sampling/params.ts';
import { encodeChat } from '../../chat/encode-chat.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import { ProfileFile } from '../../profile/profile-file.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import {
  type CutOptions,
  contextOption,
  kvOption,
  localCut,
  pipelineOption,
  profileOption,
  splitOption,
  wholeNumber,
} from '../options.ts';
import { printJson } from '../output.ts';
import { addPredictOptions, approximationChoice, type PredictOptions } from '../predict-options.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';

interface RunOptions extends DeviceOptions, CutOptions, PredictOptions {
  readonly system?: string;
  readonly raw?: boolean;
  readonly maxTokens?: number;
  readonly temperature: number;
  readonly seed: number;
  readonly context?: number;
  readonly kv: KvFormat;
  readonly profile?: string;
  readonly json?: boolean;
}

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('answer one prompt and end')
    .argument('<model>', 'a GGUF file, or the name of a model (built-in: the one that comes with Hearth)')
    .argument('<prompt>', 'what to ask');
  addPredictOptions(addDeviceOptions(command))
    .option('--system <text>', 'system message')
    .option('--raw', 'continue the prompt as it is, without the chat template')
    .option('--max-tokens <n>', 'longest answer', wholeNumber(1, 1 << 20))
    .addOption(new Option('--temperature <t>', '0 takes the likeliest token').argParser(Number).default(0))
    .addOption(new Option('--seed <n>').argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)).default(0))
    .addOption(splitOption())
    .addOption(pipelineOption())
    .addOption(contextOption())
    .addOption(kvOption('f16'))
    .addOption(profileOption())
    .option('--json', 'print JSON')
    .action(async (name: string, prompt: string, options: RunOptions) => {
      const profile = await ProfileFile.open(options.profile);
      const progress = new Progress('loading');
      const engine = await Engine.start({
        model: await openModel(name, approximationChoice(options)),
        ...localCut(options),
        kvFormat: options.kv,
        ...deviceSettings(options),
        logger: plainLogger,
        profiler: profile?.profiler,
        parallel: 1,
        contextLength: options.context,
        onProgress: ({ loadedTiles, tiles }) => progress.update(loadedTiles, tiles),
      });
      try {
        profile?.profiler.start();
        await answer(engine, prompt, options);
        if (profile) process.stderr.write(`\n${await profile.finish()}`);
      } finally {
        await engine.close();
      }
    });
}

async function answer(engine: Engine, prompt: string, options: RunOptions): Promise<void> {
  const sampling: SamplingParams = {
    ...defaultSampling,
    temperature: options.temperature,
    seed: options.seed,
  };
  const request = {
    prompt: await promptTokens(engine, prompt, options),
    sampling,
    stop: [],
    ...(options.maxTokens && { maxTokens: options.maxTokens }),
  };
  const reply = engine.scheduler.submit(request, stopSignal());
  let text = '';
  let finish = '';
  for await (const event of reply) {
    if (!options.json) process.stdout.write(event.text);
    text += event.text;
    finish = event.finished ?? finish;
  }
  const { name, description } = engine.model;
  const notExact = inexactness(description.approximation);
  if (options.json) printJson({ model: name, prompt, text, finish, usage: reply.usage, notExact });
  else process.stdout.write('\n');
  if (notExact && !options.json) process.stderr.write(`Not exact: ${notExact}\n`);
}

async function promptTokens(
  { chat, tokenizer }: Engine,
  prompt: string,
  options: RunOptions,
): Promise<number[]> {
  if (options.raw) return tokenizer.encode(prompt, { addBos: true, parseSpecial: true });
  const system = options.system === undefined ? [] : [{ role: 'system' as const, content: options.system }];
  const messages = [...system, { role: 'user' as const, content: prompt }];
  return encodeChat(tokenizer, await chat.render({ messages, addGenerationPrompt: true }));
}
