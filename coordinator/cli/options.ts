import { InvalidArgumentError, Option } from 'commander';
import { type KvFormat, kvFormats } from '../../runtime/kernels/kv-page.ts';
import { goals } from '../../runtime/plan/goal.ts';
import { defaultDeviceWaitMs } from '../cluster/cluster-options.ts';
import type { EngineOptions } from '../engine.ts';

/** Whole numbers in a range; the message says which. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Numbers in a range; the message says which. */
export function numberBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  };
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** `1.5GiB`, `800 MB` or a plain number of bytes. */
export function byteCount(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [];
  const bytes = Math.floor(Number(number) * (unitBytes[unit ?? ''] ?? Number.NaN));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('It must be a number of bytes, such as 1.5GiB or 800MB.');
}

/** `3,2,1` */
export function shares(text: string): number[] {
  const values = text.split(',').map(Number);
  if (text.trim() !== '' && values.every((value) => Number.isFinite(value) && value > 0)) return values;
  throw new InvalidArgumentError('It must be one positive number for each rank, such as 3,2,1.');
}

/** 64 hex digits, in lower case. */
export function sha256(text: string): string {
  if (/^[\da-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
}

export const secretOption = (): Option =>
  new Option('--secret <secret>', 'what devices are paired with').env('HEARTH_SECRET');

export const kvOption = (fallback: KvFormat): Option =>
  new Option('--kv <type>', 'element type of the KV cache')
    .choices(kvFormats)
    .env('HEARTH_KV')
    .default(fallback);

export const contextOption = (): Option =>
  new Option(
    '--context <tokens>',
    'longest conversation, prompt and answer (default: what the model was made for, at most 8192)',
  )
    .argParser(wholeNumber(64, 1 << 20))
    .env('HEARTH_CONTEXT');

export const goalOption = (): Option =>
  new Option('--goal <goal>', 'what the plan of who computes what is to be best at')
    .choices(goals)
    .env('HEARTH_GOAL')
    .default('latency');

export const parallelOption = (): Option =>
  new Option('--parallel <n>', 'requests answered at the same time')
    .argParser(wholeNumber(1, 64))
    .env('HEARTH_PARALLEL')
    .default(4);

/** From 0 to 1. */
export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 1, such as 0.005.');
}

export const checkOption = (): Option =>
  new Option(
    '--check <probability>',
    'check a device in so many of the steps, by computing a part again; 0 is never',
  )
    .argParser(probability)
    .env('HEARTH_CHECK')
    .default(0.005);

export const deviceWaitOption = (): Option =>
  new Option('--device-wait <seconds>', 'how long a request waits while no device can compute')
    .argParser(wholeNumber(0, 86_400))
    .env('HEARTH_DEVICE_WAIT')
    .default(defaultDeviceWaitMs / 1000);

/** @param flags as the command writes them */
export const threadsOption = (flags = '--threads <n>'): Option =>
  new Option(flags, 'compute threads (default: the idle processors)')
    .argParser(wholeNumber(1, 256))
    .env('HEARTH_THREADS');

export const profileOption = (): Option =>
  new Option('--profile <file>', 'show where the time goes, and write it to a file for chrome://tracing');

export const defaultPort = 11500;

export const urlOption = (): Option => new Option('--url <url>', 'a running coordinator').env('HEARTH_URL');

export const apiKeyOption = (): Option =>
  new Option('--api-key <key>', 'key of the HTTP API').env('HEARTH_API_KEY');

export const pipelineOption = (): Option =>
  new Option('--pipeline <shares>', 'deal whole layers to ranks instead, so many as these shares say')
    .argParser(shares)
    .env('HEARTH_PIPELINE')
    .conflicts('split');

/** What is said by hand of how a model is cut. */
export interface CutOptions {
  readonly split?: readonly number[] | undefined;
  readonly pipeline?: readonly number[] | undefined;
}

/** The cluster's options for a cut, with so many devices as it names. */
export function cutSettings({
  split,
  pipeline,
}: CutOptions): Pick<EngineOptions, 'shares' | 'cut' | 'minDevices'> {
  const named = pipeline ?? split;
  return { shares: named, cut: pipeline ? 'pipeline' : 'tensor', minDevices: named?.length };
}

/** The same, of local ranks alone: one for each share. */
export function localCut(options: CutOptions) {
  const settings = cutSettings(options);
  const { shares: named = [1] } = settings;
  return { ...settings, shares: named, localRanks: named.length, minDevices: named.length };
}

export const splitOption = (): Option =>
  new Option('--split <shares>', 'how the model is cut among ranks, such as 3,2,1')
    .argParser(shares)
    .env('HEARTH_SPLIT');
