import type { KvFormat } from '../../runtime/kernels/kv-page.ts';
import { count, formatBytes, formatTable } from '../cli/output.ts';
import type { Rate, Rates } from './measure.ts';

/** What `hearth bench` found, and all that the numbers depend on. */
export interface BenchReport extends Rates {
  readonly version: string;
  readonly model: string;
  /** Bytes of the tiles: what one decoded token reads. */
  readonly weightBytes: number;
  readonly ranks: number;
  /** Of each rank. */
  readonly threads: number;
  readonly kv: KvFormat;
  /** Positions in the KV cache before decoding. */
  readonly depth: number;
  readonly repetitions: number;
  readonly kernels: 'relaxed' | 'baseline';
  readonly hardware: { readonly cpu: string; readonly cores: number };
  /** From opening the file to being ready for a step. */
  readonly loadSeconds: number;
  /** The most memory that the process had resident, all of its ranks and the coordinator included. */
  readonly peakMemoryBytes: number;
}

export const reportFormats = ['table', 'csv', 'json'] as const;
export type ReportFormat = (typeof reportFormats)[number];

const formatters: Readonly<Record<ReportFormat, (report: BenchReport) => string>> = {
  table: formatReportTable,
  csv: formatCsv,
  json: (report) => `${JSON.stringify(report, undefined, 2)}\n`,
};

export function formatReport(report: BenchReport, format: ReportFormat): string {
  return formatters[format](report);
}

function formatReportTable(report: BenchReport): string {
  const { model, weightBytes, ranks, threads, kv, kernels, hardware, version } = report;
  const row = (name: string, rate: Rate): string[] => [
    name,
    rate.medianTokensPerSecond.toFixed(2),
    `${rate.minTokensPerSecond.toFixed(2)} to ${rate.maxTokensPerSecond.toFixed(2)}`,
    rate.diskBytesPerToken === undefined ? '-' : formatBytes(Math.round(rate.diskBytesPerToken)),
  ];
  const decodeName = `decode ${report.decode.tokens}${report.depth > 0 ? ` after ${report.depth}` : ''}`;
  const setting = [
    ['model', `${model}, ${formatBytes(weightBytes)} of weights`],
    ['computed by', `${count(ranks, 'rank')} of ${count(threads, 'thread')}, ${kernels} kernels, KV ${kv}`],
    ['hardware', `${hardware.cpu}, ${count(hardware.cores, 'core')}`],
    ['hearth', version],
    ['loaded in', `${report.loadSeconds.toFixed(2)} s`],
    ['peak memory', formatBytes(report.peakMemoryBytes)],
  ];
  const rates = [
    ['TEST', 'TOKENS/S (MEDIAN)', `RANGE OF ${report.repetitions}`, 'FROM DISK A TOKEN'],
    row(`prefill ${report.prefill.tokens}`, report.prefill),
    row(decodeName, report.decode),
  ];
  return `${formatTable(setting)}\n${formatTable(rates)}`;
}

/** One row a test, after a row of names. */
function formatCsv(report: BenchReport): string {
  const { prefill, decode, hardware, ...setting } = report;
  const rows = Object.entries({ prefill, decode }).map(([test, rate]) => ({
    ...setting,
    ...hardware,
    test,
    ...rate,
  }));
  const lines = [Object.keys(rows[0]!), ...rows.map(Object.values)];
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\n`).join('');
}

/** RFC 4180. */
function csvCell(value: unknown): string {
  const text = String(value ?? '');
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
