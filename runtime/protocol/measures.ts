import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { kvFormats } from '../kernels/kv-page.ts';
import type { GpuProfile, KernelRates } from '../plan/profiles.ts';
import type { Fields } from './fields.ts';
import { malformed } from './frame.ts';
import type { DeviceRates, Measure } from './probe-messages.ts';

const formatNames = Object.keys(kernelFormats) as KernelFormatName[];
/** Bytes or operations a second: more than any device of a home has. */
const maxRate = 1e15;
const maxSeekBytes = 1 << 30;
const maxSyncMs = 10_000;
const maxGpuName = 64;

export function readMeasure(fields: Fields): Measure {
  return {
    type: 'measure',
    formats: readFormats(fields.list('formats', formatNames.length)),
    kvFormat: fields.oneOf('kvFormat', kvFormats),
    fresh: fields.boolean('fresh'),
  };
}

/**
 * Reads what a device says of its speed, or has noted of it.
 * @throws HearthError FRAME_MALFORMED
 */
export function readRates(fields: Fields): DeviceRates {
  return {
    kernels: readKernels(fields.map('kernels')),
    ...(fields.keys.includes('gpu') && { gpu: readGpu(fields.map('gpu')) }),
    attentionBytesPerSecond: fields.number('attentionBytesPerSecond', 0, maxRate),
    diskBytesPerSecond: fields.number('diskBytesPerSecond', 0, maxRate),
    ...(fields.keys.includes('seekBytes') && { seekBytes: fields.integer('seekBytes', 0, maxSeekBytes) }),
    syncMs: fields.number('syncMs', 0, maxSyncMs),
  };
}

function readGpu(fields: Fields): GpuProfile {
  const name = fields.string('name', maxGpuName);
  if (!/^[\x20-\x7e]+$/.test(name)) throw malformed('the name of a GPU is not printable');
  const gpu = {
    name,
    memoryBytes: fields.integer('memoryBytes', 0, Number.MAX_SAFE_INTEGER),
    syncMs: fields.number('syncMs', 0, maxSyncMs),
    kernels: readKernels(fields.map('kernels')),
  };
  fields.done();
  return gpu;
}

function readKernels(fields: Fields): DeviceRates['kernels'] {
  const kernels: Partial<Record<KernelFormatName, KernelRates>> = {};
  for (const name of readFormats(fields.keys)) kernels[name] = readKernelRates(fields.map(name));
  return kernels;
}

function readKernelRates(fields: Fields): KernelRates {
  const rates = {
    decodeBytesPerSecond: fields.number('decodeBytesPerSecond', 1, maxRate),
    prefillFlopsPerSecond: fields.number('prefillFlopsPerSecond', 1, maxRate),
  };
  fields.done();
  return rates;
}

function readFormats(values: readonly unknown[]): KernelFormatName[] {
  const formats = values.map((value) => formatNames.find((name) => name === value));
  if (formats.includes(undefined) || new Set(formats).size < formats.length)
    throw malformed('weight types that are unknown, or named twice');
  return formats as KernelFormatName[];
}
