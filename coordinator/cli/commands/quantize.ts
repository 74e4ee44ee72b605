import type { Command } from 'commander';
import { idleProcessors } from '../../../device-agent/node/compute-threads.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import { openGgufFile } from '../../files/open-model.ts';
import { type ModelContents, writeModel } from '../../files/write-model.ts';
import { EncodePool } from '../../quantize/encode-pool.ts';
import { quantizeModel } from '../../quantize/quantize.ts';
import { quantizeTargetNamed, quantizeTargets } from '../../quantize/targets.ts';
import { threadsOption } from '../options.ts';
import { formatBytes, type OutputOptions, printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';

interface QuantizeOptions extends OutputOptions {
  readonly force?: boolean;
  readonly threads?: number;
}

const typeNames = quantizeTargets.map(({ name }) => name).join(', ');

export function addQuantize(program: Command): void {
  program
    .command('quantize')
    .description('write a model again with fewer bits a weight')
    .argument('<in>', 'a GGUF file, of a split one its first part, or the name of a model')
    .argument('<out>', 'the file to write')
    .argument('<type>', typeNames)
    .option('--force', 'write over a file that is there')
    .addOption(threadsOption())
    .option('--json', 'print JSON')
    .action(async (input: string, output: string, type: string, options: QuantizeOptions) => {
      const target = quantizeTargetNamed(type);
      const gguf = await openGgufFile(input);
      const pool = new EncodePool(options.threads ?? idleProcessors());
      try {
        noteSecondRounding(gguf);
        const contents = quantizeModel(gguf, target, pool);
        const progress = new Progress(`writing ${target.name}`);
        const start = performance.now();
        const byteLength = await writeModel(output, contents, {
          force: options.force ?? false,
          signal: stopSignal(),
          onProgress: (written, total) => progress.update(written, total),
        });
        const seconds = (performance.now() - start) / 1000;
        const summary = {
          file: output,
          type: target.name,
          byteLength,
          ...summarize(gguf, contents),
          seconds,
        };
        if (options.json) printJson(summary);
        else process.stdout.write(describe(summary));
      } finally {
        await pool.close();
        await gguf.close();
      }
    });
}

function summarize(gguf: GgufFile, { tensors }: ModelContents) {
  const types: Record<string, number> = {};
  for (const { type } of tensors) types[type] = (types[type] ?? 0) + 1;
  return { sourceByteLength: gguf.byteLength, tensors: types };
}

function describe(
  summary: ReturnType<typeof summarize> & { file: string; byteLength: number; seconds: number },
): string {
  const { file, byteLength, sourceByteLength, tensors, seconds } = summary;
  const types = Object.entries(tensors).map(([type, count]) => `${count} × ${type}`);
  const sizes = `${formatBytes(byteLength)} of ${formatBytes(sourceByteLength)}`;
  return `${file}: ${sizes}, in ${seconds.toFixed(1)} s (${types.join(', ')})\n`;
}

/** Allowed, since at times nothing better is at hand; but nobody should do it unknowingly. */
function noteSecondRounding(gguf: GgufFile): void {
  const types = new Set([...gguf.tensors.values()].map(({ type }) => type));
  const quantized = [...types].filter((type) => !/^B?F\d+$/.test(type));
  if (quantized.length > 0)
    process.stderr.write(
      `note: ${gguf.name} holds ${quantized.join(', ')} already: rounding twice costs quality, start from F16 if you can\n`,
    );
}
