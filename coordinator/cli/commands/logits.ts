import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { HearthError } from '../../../runtime/error.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { type CutOptions, kvOption, localCut, pipelineOption, splitOption } from '../options.ts';
import { addPredictOptions, approximationChoice, type PredictOptions } from '../predict-options.ts';

interface LogitsOptions extends DeviceOptions, CutOptions, PredictOptions {
  readonly ids: readonly number[];
  readonly out: string;
  readonly kv: KvFormat;
}

/** For comparing with other engines: the raw numbers behind every position, and the same numbers for every split. */
export function addLogits(program: Command): void {
  const command = program
    .command('logits')
    .description('write the logits of every position of a token sequence, as float32 [positions, vocabulary]')
    .argument('<model>', 'a GGUF file, or the name of a model');
  addPredictOptions(addDeviceOptions(command))
    .requiredOption('--ids <ids>', 'token ids, such as 1,2,3', parseIds)
    .requiredOption('--out <file>', 'where to write little-endian float32 rows')
    .addOption(splitOption())
    .addOption(pipelineOption())
    .addOption(kvOption('f32'))
    .action(async (name: string, options: LogitsOptions) => {
      const { ids, out, split, pipeline, kv, ...device } = options;
      const model = await openModel(name, approximationChoice(options));
      const { vocabSize } = model.config;
      const unknown = ids.find((id) => id >= vocabSize);
      if (unknown !== undefined)
        throw new HearthError('USAGE', `token ${unknown} is not in the vocabulary of ${vocabSize}`, {
          token: unknown,
        });
      const engine = await Engine.start({
        model,
        ...localCut({ split, pipeline }),
        kvFormat: kv,
        ...deviceSettings(device),
        logger: plainLogger,
        parallel: 1,
        contextLength: ids.length,
      });
      try {
        await writeRows(engine, ids, out);
      } finally {
        await engine.close();
      }
    });
}

async function writeRows({ cluster }: Engine, ids: readonly number[], path: string): Promise<void> {
  const file = createWriteStream(path);
  for (let start = 0; start < ids.length; start += cluster.limits.maxStepTokens) {
    const tokens = ids.slice(start, start + cluster.limits.maxStepTokens);
    const rows = await cluster.step([{ slot: 0, start, count: tokens.length, logits: 'all', tokens }]);
    for (const row of rows) {
      const room = file.write(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
      if (!room) await once(file, 'drain');
    }
  }
  file.end();
  await once(file, 'finish');
}

function parseIds(text: string): number[] {
  const ids = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (ids.every(Number.isSafeInteger)) return ids;
  throw new InvalidArgumentError('It must be token ids with commas between them, such as 1,2,3.');
}
