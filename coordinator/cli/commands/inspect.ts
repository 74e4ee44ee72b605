import type { Command } from 'commander';
import { availableMemory } from '../../../device-agent/node/available-memory.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import { freeDiskBytes } from '../../files/disk.ts';
import { modelFolder } from '../../files/model-folder.ts';
import { openGgufFile } from '../../files/open-model.ts';
import { describeFit, type Fit, fitOf } from '../../inspect/fit.ts';
import { measureReadRate } from '../../inspect/read-rate.ts';
import { type InspectReport, inspectGguf, typeMix } from '../../inspect/report.ts';
import { isReference } from '../../pull/reference.ts';
import { formatBytes, formatTable, type OutputOptions, printJson } from '../output.ts';
import { stopSignal } from '../stop-signal.ts';

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what a GGUF file holds, and whether Hearth can run it here')
    .argument('<file>', 'a GGUF file, the name of a model, or what can be pulled: hf:USER/REPO or a URL')
    .option('--tensors', 'list every tensor')
    .option('--json', 'print JSON')
    .action(async (file: string, { json, tensors }: OutputOptions & { tensors?: boolean }) => {
      const report = isReference(file) ? await inspectRemote(file) : await inspectLocal(file);
      if (json) printJson(report);
      else process.stdout.write(describe(report, tensors ?? false));
    });
}

type Report = InspectReport & { readonly fit?: Fit };

async function inspectLocal(file: string): Promise<Report> {
  return inspect(await openGgufFile(file));
}

/** Reads the header alone, a few megabytes; what speaks to servers is loaded for that only. */
async function inspectRemote(text: string): Promise<Report> {
  const { openRemoteGguf } = await import('../../pull/remote-gguf.ts');
  const gguf = await openRemoteGguf(text, { signal: stopSignal() });
  return inspect(gguf, await freeDiskBytes(modelFolder()));
}

async function inspect(gguf: GgufFile, freeDiskBytes?: number): Promise<Report> {
  try {
    const report = inspectGguf(gguf);
    if (!report.runs) return report;
    const machine = {
      freeMemoryBytes: availableMemory(),
      readRate: measureReadRate,
      ...(freeDiskBytes !== undefined && { freeDiskBytes }),
    };
    return { ...report, fit: await fitOf(report, machine) };
  } finally {
    await gguf.close();
  }
}

function describe(report: Report, listTensors: boolean): string {
  const summary = [
    ['file', `${report.name}, GGUF version ${report.version}, ${formatBytes(report.byteLength)}`],
    [
      'runs',
      report.runs
        ? `yes, as ${report.tiles} tiles of ${formatBytes(report.tileBytes)}`
        : `no: ${report.error.message}`,
    ],
    ...(report.fit ? describeFit(report.fit) : []),
    ...[...typeMix(report)].map(([type, { count, bytes }]) => [
      type,
      `${count} tensors, ${formatBytes(bytes)}`,
    ]),
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
