import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import { inexactness } from '../../../runtime/model/approximation.ts';
import { defaultSampling } from '../../../runtime/sampling/params.ts';
import { encodeChat } from '../../chat/encode-chat.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import type { ChatMessage } from '../../http/served-model.ts';
import { ApiClient, type ChatPiece } from '../api-client.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { apiKeyOption, contextOption, kvOption, urlOption } from '../options.ts';
import { addPredictOptions, approximationChoice, type PredictOptions } from '../predict-options.ts';
import { Progress } from '../progress.ts';

interface ChatOptions extends DeviceOptions, PredictOptions {
  readonly url?: string;
  readonly apiKey?: string;
  readonly system?: string;
  readonly context?: number;
  readonly kv: KvFormat;
}

/** Answers a conversation piece by piece, wherever the model runs. */
type Ask = (messages: readonly ChatMessage[], signal: AbortSignal) => AsyncIterable<ChatPiece>;

export function addChat(program: Command): void {
  const command = program
    .command('chat')
    .description('talk with a model in the terminal; Ctrl-C stops an answer, Ctrl-D ends')
    .argument('[model]', 'a GGUF file, or the name of a model (default: the built-in one)');
  addPredictOptions(addDeviceOptions(command))
    .addOption(urlOption())
    .addOption(apiKeyOption())
    .option('--system <text>', 'system message')
    .addOption(contextOption())
    .addOption(kvOption('f16'))
    .action(async (name: string | undefined, options: ChatOptions) => {
      if (options.url !== undefined && name === undefined) {
        const client = new ApiClient(options.url, options.apiKey);
        const exact = options.exact === true;
        return converse((messages, signal) => client.chat(messages, exact, signal), options.system);
      }
      const engine = await startEngine(name, options);
      try {
        await converse((messages, signal) => askEngine(engine, messages, signal), options.system);
      } finally {
        await engine.close();
      }
    });
}

async function startEngine(name: string | undefined, options: ChatOptions): Promise<Engine> {
  const progress = new Progress('loading');
  const model = await openModel(name, approximationChoice(options));
  const notExact = inexactness(model.description.approximation);
  if (notExact) process.stderr.write(`Answers are not exact: ${notExact}\n`);
  return Engine.start({
    model,
    localRanks: 1,
    kvFormat: options.kv,
    ...deviceSettings(options),
    logger: plainLogger,
    parallel: 1,
    contextLength: options.context,
    onProgress: ({ loadedTiles, tiles }) => progress.update(loadedTiles, tiles),
  });
}

async function* askEngine(
  { chat, tokenizer, scheduler }: Engine,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): AsyncGenerator<ChatPiece> {
  const prompt = encodeChat(tokenizer, await chat.render({ messages, addGenerationPrompt: true }));
  yield* scheduler.submit({ prompt, sampling: defaultSampling, stop: [] }, signal);
}

/** Reads questions until the input ends. An answer that was stopped stays in the conversation as far as it came. */
async function converse(ask: Ask, system: string | undefined): Promise<void> {
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
  let answering: AbortController | undefined;
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()));
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      answering = new AbortController();
      messages.push({ role: 'user', content: line });
      messages.push({
        role: 'assistant',
        content: await say(ask(messages, answering.signal), answering.signal),
      });
      answering = undefined;
    }
    lines.prompt();
  }
  process.stderr.write('\n');
}

async function say(answer: AsyncIterable<ChatPiece>, signal: AbortSignal): Promise<string> {
  let said = '';
  let why: string | undefined;
  try {
    for await (const { text, notExact } of answer) {
      process.stdout.write(text);
      said += text;
      why ??= notExact;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  process.stdout.write('\n');
  if (why !== undefined) process.stderr.write(`Not exact: ${why}\n`);
  return said;
}
