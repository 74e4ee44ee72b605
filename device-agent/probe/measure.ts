import { exchangeMs } from '../../runtime/plan/network.ts';
import type { DeviceRates, Measure } from '../../runtime/protocol/probe-messages.ts';

/** What a coordinator wants to know of a device. */
export type MeasureRequest = Omit<Measure, 'type'>;

/** What is not remembered of that. */
export type MeasureJob = Omit<MeasureRequest, 'fresh'>;

/**
 * Measures this device, or remembers.
 * @param signal ends the measurement at once
 * @throws whatever went wrong, or why the signal was aborted
 */
export type MeasureDevice = (request: MeasureRequest, signal: AbortSignal) => Promise<DeviceRates>;

/** What the memories of ranks may take, and what of it they take now. */
export interface RanksRoom {
  readonly memoryBytes: number;
  readonly usedBytes: () => number;
}

/** Of the memory that ranks leave free. */
const probedShare = 1 / 2;

/**
 * Bytes of weights to read through.
 * @param mostBytes more than caches hold
 */
export function probedBytes(freeBytes: number, mostBytes: number): number {
  return Math.floor(Math.min(mostBytes, Math.max(0, freeBytes) * probedShare));
}

/**
 * Never measures anew in less memory than there was without a rank: of less a cache holds more, and what was measured
 * before says more.
 */
export function withRoom(
  { memoryBytes, usedBytes }: RanksRoom,
  mostBytes: number,
  measure: MeasureDevice,
): MeasureDevice {
  const probed = (bytes: number) => probedBytes(bytes, mostBytes);
  return async (request, signal) =>
    request.fresh && probed(memoryBytes - usedBytes()) < probed(memoryBytes)
      ? unknownRates
      : measure(request, signal);
}

/** Of a device that computes so many times as fast, its disk and its syncs apart. */
export function scaledRates(rates: DeviceRates, speed: number): DeviceRates {
  return {
    ...rates,
    kernels: scaledKernels(rates.kernels, speed),
    ...(rates.gpu && { gpu: { ...rates.gpu, kernels: scaledKernels(rates.gpu.kernels, speed) } }),
    attentionBytesPerSecond: speed * rates.attentionBytesPerSecond,
  };
}

function scaledKernels(kernels: DeviceRates['kernels'], speed: number): DeviceRates['kernels'] {
  const scaled = Object.entries(kernels).map(([format, { decodeBytesPerSecond, prefillFlopsPerSecond }]) => [
    format,
    {
      decodeBytesPerSecond: speed * decodeBytesPerSecond,
      prefillFlopsPerSecond: speed * prefillFlopsPerSecond,
    },
  ]);
  return Object.fromEntries(scaled) as DeviceRates['kernels'];
}

/** What a device's process may have of the processors, and for what. */
export interface ProcessorShare {
  /** Processors' whole time; it need not be a whole number. */
  readonly processors: number;
  /** Of its rank. */
  readonly threads: number;
  /** Threads of the process that are busy in a sync beside those: the hub's, in the coordinator. */
  readonly syncThreads: number;
}

/** A read of a neuron's records, about. */
export const smallReadBytes = 8192;
/** Small reads of four threads at a time take about so much less time than one after the other, on an SSD and two processors. */
const readOverlap = 2.7;

/**
 * What a small read takes beside its bytes where no processor is left for threads that read: they come one after the other,
 * in computing's time.
 */
function alonePerRead(seekBytes: number): number {
  return Math.round(readOverlap * (seekBytes + smallReadBytes)) - smallReadBytes;
}

/**
 * Of a device that may have less of the processors than its threads would take. Moments, in which rates are measured, say
 * nothing of how many of them a limited process has.
 */
export function limitedRates(
  rates: DeviceRates,
  { processors, threads, syncThreads }: ProcessorShare,
): DeviceRates {
  const scaled = scaledRates(rates, Math.min(1, processors / threads));
  // Plans add an exchange as it is with processors enough: here is what this device takes longer.
  const slowdown = Math.max(1, (threads + syncThreads) / processors);
  // How long a GPU computes does not depend on it.
  const gpu = rates.gpu && { gpu: rates.gpu };
  const { seekBytes } = rates;
  const isBusy = seekBytes !== undefined && processors < threads + 1;
  const seek = isBusy && { seekBytes: alonePerRead(seekBytes) };
  return { ...scaled, ...gpu, ...seek, syncMs: rates.syncMs + (slowdown - 1) * (rates.syncMs + exchangeMs) };
}

/** Of a device that cannot measure itself. */
export const unknownRates: DeviceRates = {
  kernels: {},
  attentionBytesPerSecond: 0,
  diskBytesPerSecond: 0,
  syncMs: 0,
};
