import { once } from 'node:events';
import { type Command, Option } from 'commander';
import pino, { type Logger } from 'pino';
import { renderUnicodeCompact } from 'uqr';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import { inexactness } from '../../../runtime/model/approximation.ts';
import type { Goal } from '../../../runtime/plan/goal.ts';
import { conversationsPath } from '../../conversations/conversation-folder.ts';
import { ConversationShelf } from '../../conversations/conversation-shelf.ts';
import { Conversations } from '../../conversations/conversations.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import { askChat } from '../../http/ask-chat.ts';
import type { ServedModel } from '../../http/served-model.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { Door } from '../door.ts';
import { addDoorOptions, type DoorOptions } from '../door-options.ts';
import {
  type CutOptions,
  checkOption,
  contextOption,
  cutSettings,
  deviceWaitOption,
  goalOption,
  kvOption,
  parallelOption,
  pipelineOption,
  splitOption,
  wholeNumber,
} from '../options.ts';
import { addPredictOptions, approximationChoice, type PredictOptions } from '../predict-options.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';

interface ServeOptions extends DeviceOptions, CutOptions, DoorOptions, PredictOptions {
  readonly local: boolean;
  readonly devices?: number;
  readonly parallel: number;
  readonly context?: number;
  readonly kv: KvFormat;
  readonly goal: Goal;
  readonly check: number;
  readonly deviceWait: number;
  readonly logLevel: string;
}

export function addServe(program: Command): void {
  const command = program
    .command('serve', { isDefault: true })
    .description(
      'serve a model in a chat page and over an OpenAI-compatible API, on this device and all that join',
    )
    .argument('[model]', 'a GGUF file, or the name of a model (default: the built-in one)');
  addPredictOptions(addDoorOptions(addDeviceOptions(command)))
    .option('--no-local', 'hold no weights here: only devices that join compute')
    .addOption(
      new Option(
        '--devices <n>',
        'devices to wait for before the start, this one included (default: as in --split)',
      )
        .argParser(wholeNumber(1, 64))
        .env('HEARTH_DEVICES'),
    )
    .addOption(splitOption())
    .addOption(pipelineOption())
    .addOption(goalOption())
    .addOption(parallelOption())
    .addOption(contextOption())
    .addOption(kvOption('f16'))
    .addOption(checkOption())
    .addOption(deviceWaitOption())
    .addOption(
      new Option('--log-level <level>')
        .choices(['silent', 'error', 'warn', 'info', 'debug'])
        .env('HEARTH_LOG_LEVEL')
        .default('warn'),
    )
    .action(serve);
}

async function serve(name: string | undefined, options: ServeOptions): Promise<void> {
  const stop = stopSignal();
  const logger = pino(
    // Of an error under another name than its own, pino would leave out the message.
    { level: options.logLevel, serializers: { error: pino.stdSerializers.err } },
    pino.destination({ dest: 2, sync: true }),
  );
  const served: ServedModel[] = [];
  const progress = new Progress('loading');
  const model = await openModel(name, approximationChoice(options));
  let engine: Engine | undefined;
  const onError = (error: unknown) => logger.error({ error }, 'a request failed');
  const conversations = new Conversations({
    shelf: new ConversationShelf(conversationsPath(), onError),
    asking: askChat(() => served),
    onError,
  });
  const house = { engine: () => engine, models: () => served, conversations, logger, onError };
  const door = await Door.open(options, house);
  try {
    engine = await Engine.start({
      model,
      localRanks: options.local ? 1 : 0,
      kvFormat: options.kv,
      ...deviceSettings(options),
      parallel: options.parallel,
      contextLength: options.context,
      ...cutSettings(options),
      goal: options.goal,
      checkProbability: options.check,
      deviceWaitMs: 1000 * options.deviceWait,
      ...(options.devices && { minDevices: options.devices }),
      joinable: true,
      onProgress: ({ loadedTiles, tiles }) => progress.update(loadedTiles, tiles),
      logger,
    });
    const started = engine;
    door.letDevicesIn();
    sayWhere(engine, door, options);
    whenReady(engine, door, stop, logger, () => {
      served.push(servedModel(started));
      conversations.takeUp().catch(onError);
    });
    if (!stop.aborted) await once(stop, 'abort');
  } finally {
    await door.close();
    await conversations.close();
    await engine?.close();
  }
}

function servedModel({ model, tokenizer, chat, scheduler, cluster }: Engine): ServedModel {
  const createdSeconds = Math.floor(Date.now() / 1000);
  const working = () => cluster.deviceStates().filter(({ state }) => state === 'ready');
  const devices = () => working().map(({ name }) => name);
  const notExact = inexactness(model.description.approximation);
  return { id: model.name, createdSeconds, tokenizer, chat, scheduler, devices, notExact };
}

function sayWhere({ model }: Engine, door: Door, { local }: ServeOptions): void {
  const waiting = local ? '' : ' Waiting for devices to join.';
  process.stdout.write(`Hearth serves ${model.name}.${waiting}\n`);
  const notExact = inexactness(model.description.approximation);
  if (notExact) process.stdout.write(`  answers are not exact: ${notExact}\n`);
  process.stdout.write(`  chat    ${door.chatUrl}\n`);
  process.stdout.write(`  API     ${door.apiUrl}\n`);
  if (door.newKey) process.stdout.write(`  API key ${door.newKey}\n`);
  process.stdout.write(`  devices ${door.sayHowToJoin()}`);
  const { trust } = door;
  if (!trust) return;
  process.stdout.write(`  trust   ${trust.url}\n`);
  process.stdout.write(`          SHA-256 ${trust.fingerprint}\n`);
  if (process.stdout.isTTY)
    process.stdout.write(`\n${renderUnicodeCompact(door.chatUrl, { border: 2 })}\n\n`);
}

/** From the first time on the model is offered: while devices change, requests wait. */
function whenReady(
  { cluster }: Engine,
  { chatUrl }: Door,
  stop: AbortSignal,
  logger: Logger,
  offer: () => void,
): void {
  cluster.whenReady(Number.MAX_SAFE_INTEGER).then(
    () => {
      offer();
      process.stdout.write(`Ready. Chat with it at ${chatUrl}\n`);
    },
    (error: unknown) => {
      if (!stop.aborted) logger.error({ error }, 'the model could not be loaded');
    },
  );
}
