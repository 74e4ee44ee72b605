import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { partNames } from '../../../runtime/gguf/split.ts';
import { printable } from '../../../runtime/protocol/error-report.ts';
import { findModel } from '../../files/model-folder.ts';
import { openGgufFile } from '../../files/open-model.ts';
import { type InspectReport, inspectGguf, typeMix } from '../../inspect/report.ts';
import { formatBytes, formatTable, type OutputOptions, printJson } from '../output.ts';

export function addShow(program: Command): void {
  program
    .command('show')
    .description('show what a model is, on a few lines (inspect tells more)')
    .argument('<name>', 'the name of a model, or a GGUF file')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: OutputOptions) => {
      const path = await findModel(name);
      const gguf = await openGgufFile(path);
      try {
        const report = summarize(path, inspectGguf(gguf));
        if (json) printJson(report);
        else process.stdout.write(describe(report));
      } finally {
        await gguf.close();
      }
    });
}

function summarize(path: string, report: InspectReport) {
  const { metadata, tensors, byteLength } = report;
  const architecture = metadata['general.architecture'];
  return {
    name: basename(path, '.gguf'),
    architecture,
    parameters: tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    ),
    types: Object.fromEntries([...typeMix(report)].map(([type, { bytes }]) => [type, bytes])),
    contextLength: metadata[`${architecture}.context_length`],
    chatTemplate: 'tokenizer.chat_template' in metadata,
    bytes: byteLength,
    files: partNames(basename(path)).map((file) => join(dirname(path), file)),
    ...(report.runs
      ? { runs: true as const, tiles: report.tiles, tileBytes: report.tileBytes }
      : { runs: false as const, error: report.error }),
  };
}

function describe(report: ReturnType<typeof summarize>): string {
  const { name, architecture, parameters, types, contextLength, chatTemplate, bytes, files } = report;
  const sum = Object.values(types).reduce((total, each) => total + each, 0);
  const mix = Object.entries(types).map(([type, each]) => `${type} ${Math.round((100 * each) / sum)}%`);
  const runs = report.runs
    ? `yes, as ${report.tiles} tiles of ${formatBytes(report.tileBytes)}`
    : `no: ${report.error.message}`;
  return formatTable([
    ['name', name],
    ['architecture', printable(String(architecture))],
    ['parameters', formatCount(parameters)],
    ['types', mix.join(', ')],
    ['context', printable(`${contextLength ?? 'unknown'} tokens`)],
    ['chat template', chatTemplate ? 'its own' : 'none: a likely one is used'],
    ['runs', runs],
    ['size', formatBytes(bytes)],
    ...files.map((file, i) => [i === 0 ? 'files' : '', file]),
  ]);
}

/** As models are called: `1.24 B`, `135 M`. */
function formatCount(count: number): string {
  const [unit, name] = [[1e12, 'T'] as const, [1e9, 'B'] as const, [1e6, 'M'] as const].find(
    ([size]) => count >= size,
  ) ?? [1, ''];
  return `${Number((count / unit).toPrecision(3))} ${name}`.trim();
}
