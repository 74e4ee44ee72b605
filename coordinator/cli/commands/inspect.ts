import type { Command } from 'commander';
import { HearthError } from '../../../runtime/error.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../../runtime/gguf/value.ts';
import { ModelFile } from '../../../runtime/model/model-file.ts';
import { openGgufFile } from '../../files/open-model.ts';
import { formatBytes, formatTable, type OutputOptions, printJson } from '../output.ts';

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what a GGUF file holds, and whether Hearth can run it')
    .argument('<file>', 'a GGUF file, or the name of a model')
    .option('--tensors', 'list every tensor')
    .option('--json', 'print JSON')
    .action(async (file: string, { json, tensors }: OutputOptions & { tensors?: boolean }) => {
      const gguf = await openGgufFile(file);
      try {
        const report = inspect(gguf);
        if (json) printJson(report);
        else process.stdout.write(describe(report, tensors ?? false));
      } finally {
        await gguf.close();
      }
    });
}

type Report = ReturnType<typeof inspect>;

function inspect(gguf: GgufFile) {
  const tensors = [...gguf.tensors.values()].map(({ name, type, shape, byteLength }) => ({
    name,
    type,
    shape,
    byteLength,
  }));
  return {
    name: gguf.name,
    version: gguf.version,
    byteLength: gguf.byteLength,
    metadata: Object.fromEntries([...gguf.metadata.entries()].map(([key, value]) => [key, summarize(value)])),
    tensors,
    ...usability(gguf),
  };
}

/** Can it run, and if not, why? */
function usability(gguf: GgufFile) {
  try {
    const model = new ModelFile(gguf);
    const tileBytes = model.tiles.reduce((sum, tile) => sum + tile.byteLength, 0);
    return { runs: true as const, config: model.config, tiles: model.tiles.length, tileBytes };
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    return { runs: false as const, error: { code: error.code, message: error.message } };
  }
}

/** Long arrays, such as a vocabulary, by their length and beginning. */
function summarize({ value }: MetadataValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  const items = Array.from(value as ArrayLike<unknown>, (item) =>
    typeof item === 'bigint' ? Number(item) : item,
  );
  return items.length <= 8 ? items : { length: items.length, first: items.slice(0, 4) };
}

function describe(report: Report, listTensors: boolean): string {
  const types = new Map<string, { count: number; bytes: number }>();
  for (const { type, byteLength } of report.tensors) {
    const seen = types.get(type) ?? { count: 0, bytes: 0 };
    types.set(type, { count: seen.count + 1, bytes: seen.bytes + byteLength });
  }
  const summary = [
    ['file', `${report.name}, GGUF version ${report.version}, ${formatBytes(report.byteLength)}`],
    [
      'runs',
      report.runs
        ? `yes, as ${report.tiles} tiles of ${formatBytes(report.tileBytes)}`
        : `no: ${report.error.message}`,
    ],
    ...[...types].map(([type, { count, bytes }]) => [type, `${count} tensors, ${formatBytes(bytes)}`]),
  ];
  const metadata = Object.entries(report.metadata).map(([key, value]) => [key, oneLine(value)]);
  const tensors = report.tensors.map(({ name, type, shape }) => [name, type, `[${shape.join(', ')}]`]);
  const parts = [formatTable(summary), formatTable(metadata), ...(listTensors ? [formatTable(tensors)] : [])];
  return parts.join('\n');
}

/** A value on one line; control characters of a file never reach the terminal raw. */
function oneLine(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length <= 100 ? text : `${text.slice(0, 97)}...`;
}
