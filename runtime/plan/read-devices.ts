import { HearthError } from '../error.ts';
import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import type { DeviceProfile, GpuProfile, KernelRates, LinkProfile } from './profiles.ts';
import { typicalDevices, typicalKinds } from './typical-devices.ts';

type Fields = Readonly<Record<string, unknown>>;

/** More than a plan is made for, and less than would take long to refuse. */
const mostDevices = 64;

/**
 * Devices from a file: a list of profiles. One that says what it is `like` has that typical device's values where it
 * gives none of its own; `link` is null for the coordinator's own device.
 * @param value the parsed JSON
 * @throws HearthError USAGE that names the field
 */
export function readDevices(value: unknown): DeviceProfile[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostDevices)
    throw wrong('it', `must be a list of 1 to ${mostDevices} devices`);
  return value.map((entry, i) => readDevice(fieldsOf(entry, `device ${i + 1}`), `device ${i + 1}`));
}

function readDevice(given: Fields, where: string): DeviceProfile {
  const { like, ...own } = given;
  if (like !== undefined && !isTypical(like))
    throw wrong(`${where}: like`, `must be one of ${typicalKinds.join(', ')}`);
  const fields: Fields = { ...(like === undefined ? {} : typicalDevices[like]), ...own };
  const { name, kernels, gpu, link } = fields;
  if (typeof name !== 'string' || name === '' || name.length > 64)
    throw wrong(`${where}: name`, 'must be a text of 1 to 64 characters');
  const at = `${where} (${JSON.stringify(name)})`;
  return {
    name,
    threads: Math.floor(positive(fields, 'threads', at)),
    memoryBytes: positive(fields, 'memoryBytes', at),
    kernels: readKernels(fieldsOf(kernels, `${at}: kernels`), at),
    ...(gpu !== undefined && gpu !== null && { gpu: readGpu(fieldsOf(gpu, `${at}: gpu`), `${at}: gpu`) }),
    attentionBytesPerSecond: positive(fields, 'attentionBytesPerSecond', at),
    diskBytesPerSecond: notNegative(fields, 'diskBytesPerSecond', at),
    syncMs: notNegative(fields, 'syncMs', at),
    link: link === undefined || link === null ? undefined : readLink(fieldsOf(link, `${at}: link`), at),
  };
}

function isTypical(value: unknown): value is string {
  return typeof value === 'string' && typicalKinds.includes(value);
}

function readKernels(given: Fields, at: string): DeviceProfile['kernels'] {
  const kernels: Partial<Record<KernelFormatName, KernelRates>> = {};
  for (const [format, value] of Object.entries(given)) {
    if (!Object.hasOwn(kernelFormats, format))
      throw wrong(`${at}: kernels`, `has ${JSON.stringify(format)}, which is no weight type`);
    const rates = fieldsOf(value, `${at}: kernels.${format}`);
    kernels[format as KernelFormatName] = {
      decodeBytesPerSecond: positive(rates, 'decodeBytesPerSecond', `${at}: kernels.${format}`),
      prefillFlopsPerSecond: positive(rates, 'prefillFlopsPerSecond', `${at}: kernels.${format}`),
    };
  }
  if (Object.keys(kernels).length === 0) throw wrong(`${at}: kernels`, 'must have one weight type at least');
  return kernels;
}

function readGpu(given: Fields, at: string): GpuProfile {
  return {
    name: typeof given.name === 'string' ? given.name : 'GPU',
    memoryBytes: positive(given, 'memoryBytes', at),
    syncMs: notNegative(given, 'syncMs', at),
    kernels: readKernels(fieldsOf(given.kernels, `${at}: kernels`), at),
  };
}

function readLink(given: Fields, at: string): LinkProfile {
  const rttMs = notNegative(given, 'rttMs', `${at}: link`);
  return {
    rttMs,
    rttP95Ms: given.rttP95Ms === undefined ? rttMs : notNegative(given, 'rttP95Ms', `${at}: link`),
    upBytesPerSecond: positive(given, 'upBytesPerSecond', `${at}: link`),
    downBytesPerSecond: positive(given, 'downBytesPerSecond', `${at}: link`),
  };
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(what, 'must be an object');
}

function notNegative(fields: Fields, name: string, at: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw wrong(`${at}: ${name}`, 'must be a number of 0 or more');
}

function positive(fields: Fields, name: string, at: string): number {
  if (notNegative(fields, name, at) > 0) return fields[name] as number;
  throw wrong(`${at}: ${name}`, 'must be more than 0');
}

function wrong(what: string, must: string): HearthError {
  return new HearthError('USAGE', `the list of devices is wrong: ${what} ${must} (see docs/planning.md)`);
}
