import { quantizeActivations } from '../../runtime/kernels/activations.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type KernelFormatName, kernelFormats } from '../../runtime/kernels/formats.ts';
import { type Kernels, newMemory } from '../../runtime/kernels/kernels.ts';
import { type KvFormat, kvKernels, kvPageBytes, pagePositions } from '../../runtime/kernels/kv-page.ts';
import type { KernelRates } from '../../runtime/plan/profiles.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { alone, controlBytes, SharedTeam, type Team } from '../../runtime/threads/team.ts';
import { chunkRows, columns, head, ProbeMemory, panelTokens } from './probe-memory.ts';

/** What the threads of a device are to measure together: it can be posted to them as it is. */
export interface ProbeJob {
  readonly threads: number;
  readonly formats: readonly KernelFormatName[];
  readonly kvFormat: KvFormat;
  /** Memory that all threads together read through. */
  readonly weightBytes: number;
  /** What they share, if there are several. */
  readonly shared: { readonly memory: WebAssembly.Memory; readonly control: SharedArrayBuffer } | undefined;
}

export type ComputeRates = Omit<DeviceRates, 'diskBytesPerSecond'>;

/** For all weight types together: few are measured for longer. */
const formatsMs = 320;
const mostMsPerFormat = 120;
const attentionMs = 40;
/** Before anything is measured, so that the engine has compiled all of it. */
const warmUpMs = 150;
const syncRounds = 24;
/** Between two syncs: longer than threads wait without falling asleep, as they do between two layers. */
const syncPauseMs = 0.6;

/** A job for the threads of a device, with what they share if they are several. */
export function probeJob(
  job: Omit<ProbeJob, 'shared'>,
  startKernels: (memory: WebAssembly.Memory) => Kernels,
): ProbeJob {
  const { threads, weightBytes } = job;
  if (threads === 1) return { ...job, shared: undefined };
  const memory = newMemory(2 * weightBytes + (64 << 20), true);
  // Laid out once, so that none of the threads need let it grow.
  new ProbeMemory(startKernels(memory), new Arena(memory), { ...alone, size: threads }, weightBytes);
  return { ...job, shared: { memory, control: new SharedArrayBuffer(controlBytes) } };
}

/**
 * The life of a thread that measures, which it blocks for less than a second.
 * @returns what all of them measured: each is told the same
 */
export function probeCompute(
  { formats, kvFormat, weightBytes, threads, shared }: ProbeJob,
  index: number,
  startKernels: (memory?: WebAssembly.Memory) => Kernels,
): ComputeRates {
  const team = shared ? new SharedTeam(shared.control, index, threads) : alone;
  const kernels = startKernels(shared?.memory);
  const memory = new ProbeMemory(kernels, new Arena(kernels.memory), team, weightBytes);
  const probe = new Probe(kernels, memory, team);
  memory.fill();
  const allRates = (formatMs: number) => ({
    kernels: Object.fromEntries(formats.map((name) => [name, probe.formatRates(name, formatMs)])),
    attentionBytesPerSecond: probe.attentionRate(kvFormat),
  });
  allRates(warmUpMs / formats.length);
  return {
    ...allRates(Math.min(mostMsPerFormat, formatsMs / formats.length)),
    syncMs: probe.syncMs(),
  };
}

class Probe {
  readonly #kernels: Kernels;
  readonly #memory: ProbeMemory;
  readonly #team: Team;
  /** Where the next piece of weights or KV pages begins. */
  #offset = 0;

  constructor(kernels: Kernels, memory: ProbeMemory, team: Team) {
    this.#kernels = kernels;
    this.#memory = memory;
    this.#team = team;
  }

  formatRates(name: KernelFormatName, milliseconds: number): KernelRates {
    const { activation, packedBytes } = kernelFormats[name];
    const { input, activations } = this.#memory;
    if (activation !== 'f32')
      quantizeActivations(this.#kernels, activation, input, activations, columns, panelTokens);
    const x = activation === 'f32' ? input : activations;
    const rows = this.#memory.rowsOf(name);
    const decode = this.#callsPerSecond(milliseconds / 2, () => this.#multiply(name, x, rows, 1));
    const prefill = this.#callsPerSecond(milliseconds / 2, () => this.#multiply(name, x, rows, panelTokens));
    return {
      decodeBytesPerSecond: decode * packedBytes(rows, columns),
      prefillFlopsPerSecond: prefill * 2 * rows * columns * panelTokens,
    };
  }

  attentionRate(format: KvFormat): number {
    const { arena, pageTable, weightBytes } = this.#memory;
    const pageBytes = kvPageBytes(head.dim, format);
    const pages = Math.min(head.positions / pagePositions, Math.floor(weightBytes / pageBytes));
    arena.u32(pageTable, pages).forEach((_, i, table) => {
      table[i] = i;
    });
    const calls = this.#callsPerSecond(attentionMs, () => this.#attend(format, pages));
    return calls * pages * pageBytes;
  }

  /** Packing and unpacking, and what it takes until all threads go on. */
  syncMs(): number {
    const { codec, sums } = this.#memory;
    const times: number[] = [];
    for (let round = 0; round < syncRounds; round += 1) {
      this.#team.barrier();
      if (this.#team.index === 0) {
        pause(syncPauseMs);
        const beganMs = performance.now();
        codec.unpack(codec.pack(sums), sums);
        this.#team.barrier();
        this.#team.barrier();
        times.push(performance.now() - beganMs);
      } else {
        this.#team.barrier();
        this.#team.barrier();
      }
    }
    return this.#ofSlowest(median(times));
  }

  /** Of all threads, each with its part of the weights. */
  #callsPerSecond(milliseconds: number, call: () => void): number {
    this.#team.barrier();
    const times = repeat(milliseconds, call);
    return this.#team.size / (this.#ofSlowest(median(times)) / 1000);
  }

  /** The same for all threads. */
  #ofSlowest(milliseconds: number): number {
    this.#memory.milliseconds = milliseconds;
    this.#team.barrier();
    const slowest = this.#memory.slowestMilliseconds;
    this.#team.barrier();
    return slowest;
  }

  #multiply(name: KernelFormatName, x: number, rows: number, tokens: number): void {
    const { packedBytes, matmul } = kernelFormats[name];
    const { output, scratch } = this.#memory;
    const weights = this.#next(packedBytes(rows, columns));
    matmul(this.#kernels, weights, x, output, rows, columns, tokens, chunkRows, scratch);
  }

  #attend(format: KvFormat, pages: number): void {
    const { input, output, pageTable, scratch } = this.#memory;
    const pageBytes = kvPageBytes(head.dim, format);
    const base = this.#next(pages * pageBytes);
    const width = head.group * head.dim;
    const { attention } = kvKernels(this.#kernels, format);
    const shape = [pages * pagePositions, 1, head.dim, head.group] as const;
    attention(input, pageTable, base, pageBytes, ...shape, output, width, width, scratch, 1);
  }

  /** Memory that was not read for as long as there is other. */
  #next(byteLength: number): number {
    const { weights, weightBytes } = this.#memory;
    if (this.#offset + byteLength > weightBytes) this.#offset = 0;
    const pointer = weights + this.#offset;
    this.#offset += Math.ceil(byteLength / 64) * 64;
    return pointer;
  }
}

/** @returns how many milliseconds each call took */
function repeat(milliseconds: number, call: () => void): number[] {
  const times: number[] = [];
  const endMs = performance.now() + milliseconds;
  for (let beganMs = performance.now(); beganMs < endMs || times.length < 3; ) {
    call();
    const nowMs = performance.now();
    times.push(nowMs - beganMs);
    beganMs = nowMs;
  }
  return times;
}

/** The fastest calls met with a cache, the slowest with another process: a step consists of those between. */
function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

/** Blocks this thread, as waiting for other devices does not, but the other threads see no difference. */
function pause(milliseconds: number): void {
  const endMs = performance.now() + milliseconds;
  while (performance.now() < endMs);
}
