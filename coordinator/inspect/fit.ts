import { count, formatBytes } from '../cli/output.ts';
import { kvCacheBytes, rankOptions } from '../rank-options.ts';
import type { ReadRate } from './read-rate.ts';
import type { InspectReport } from './report.ts';

/** What Hearth takes besides tiles and KV caches: Node, the vocabulary, buffers. */
const ownBytes = 150e6;

/** How a model suits this machine. */
export interface Fit {
  /** Of a model that is not here yet. */
  readonly disk?: { readonly neededBytes: number; readonly freeBytes: number };
  readonly memory: {
    readonly tileBytes: number;
    readonly kvBytes: number;
    /** Positions that the KV cache is for: what `hearth run` takes by default. */
    readonly contextLength: number;
    readonly neededBytes: number;
    readonly freeBytes: number;
    /** Of its tiles, those for which there is no memory: they are read from disk for each token. */
    readonly streamedBytes: number;
  };
  /** An estimate: weights that are read a second, over those that a token reads. */
  readonly speed?: ReadRate & { readonly tokensPerSecond: number };
}

export interface Machine {
  readonly freeMemoryBytes: number;
  /** On the disk of the model folder; undefined for a model that is here. */
  readonly freeDiskBytes?: number;
  /** Measures how fast so many bytes of weights are multiplied by one token. */
  readonly readRate: (report: RunnableReport) => Promise<ReadRate>;
}

export type RunnableReport = Extract<InspectReport, { runs: true }>;

/** Reading rates are measured only where the model fits: else something slower decides. */
export async function fitOf(report: RunnableReport, machine: Machine): Promise<Fit> {
  const { freeMemoryBytes, freeDiskBytes } = machine;
  const { config, tileBytes, byteLength } = report;
  const options = rankOptions({ model: report, kvFormat: 'f16', parallel: 1 });
  const kvBytes = kvCacheBytes(config, options);
  const neededBytes = tileBytes + kvBytes + ownBytes;
  const rate = neededBytes <= freeMemoryBytes ? await machine.readRate(report) : undefined;
  return {
    ...(freeDiskBytes !== undefined && { disk: { neededBytes: byteLength, freeBytes: freeDiskBytes } }),
    memory: {
      tileBytes,
      kvBytes,
      contextLength: options.contextLength,
      neededBytes,
      freeBytes: freeMemoryBytes,
      streamedBytes: Math.max(0, neededBytes - freeMemoryBytes),
    },
    ...(rate && { speed: { ...rate, tokensPerSecond: rate.bytesPerSecond / tileBytes } }),
  };
}

/** Rows of a table: what it is, then what there is to say of it. */
export function describeFit({ disk, memory, speed }: Fit): string[][] {
  const { tileBytes, kvBytes, contextLength, neededBytes, freeBytes, streamedBytes } = memory;
  const parts = `${formatBytes(tileBytes)} of tiles, ${formatBytes(kvBytes)} of KV cache for ${contextLength} tokens`;
  return [
    ...(disk ? [['disk', verdict(disk.neededBytes, disk.freeBytes)]] : []),
    ['memory', `${verdict(neededBytes, freeBytes)} (${parts})`],
    ...(streamedBytes > 0 ? [['then', describeStreaming(streamedBytes, tileBytes)]] : []),
    ...(speed ? [['speed', describeSpeed(speed)]] : []),
  ];
}

function describeStreaming(streamedBytes: number, tileBytes: number): string {
  const advice = 'lend more devices (hearth join), or take a smaller type';
  if (streamedBytes >= tileBytes) return `there is no memory for a part of it either: ${advice}`;
  return `${formatBytes(streamedBytes)} are read from disk for each token; to avoid that, ${advice}`;
}

function describeSpeed({
  tokensPerSecond,
  bytesPerSecond,
  format,
  threads,
}: NonNullable<Fit['speed']>): string {
  const measured = `${count(threads, 'thread')} can read ${formatBytes(bytesPerSecond)}/s of ${format} here now`;
  return `up to about ${Number(tokensPerSecond.toPrecision(2))} tokens/s (an estimate: ${measured})`;
}

function verdict(neededBytes: number, freeBytes: number): string {
  const numbers = `${formatBytes(neededBytes)} of ${formatBytes(freeBytes)} that are free`;
  return neededBytes <= freeBytes ? `fits: ${numbers}` : `does not fit: ${numbers}`;
}
