import { HearthError } from '../error.ts';
import type { KernelFormatName } from '../kernels/formats.ts';
import type { DeviceProfile, KernelRates } from './profiles.ts';
import type { ModelWork, TileWork } from './workload.ts';

/** Milliseconds that one tile takes of a device whose threads all compute. */
interface TileTimes {
  /** For a token by itself: its weights are read once. */
  readonly single: number;
  /** For each token of many, which share what is unpacked. */
  readonly each: number;
  /** For each token and position that it attends to. */
  readonly position: number;
}

/** How long a device takes for tiles of a model. */
export class DeviceTimes {
  readonly #threads: number;
  readonly #sublayers: readonly TileTimes[];
  readonly #vocabulary: TileTimes;

  constructor(work: ModelWork, device: DeviceProfile) {
    const positionMs = (work.kvBytesPerPosition * 1000) / device.attentionBytesPerSecond;
    const known = new Map<string, TileTimes>();
    // Layers of one make are alike: a model has a few of them.
    const timesOf = (tiles: TileWork): TileTimes => {
      const key = JSON.stringify(tiles);
      const times = known.get(key) ?? tileTimes(tiles, device, tiles.kind === 'attention' ? positionMs : 0);
      known.set(key, times);
      return times;
    };
    this.#threads = Math.max(1, device.threads);
    this.#sublayers = work.sublayers.map(timesOf);
    this.#vocabulary = timesOf(work.vocabulary);
  }

  /**
   * Threads take whole tiles, so that a last round may leave some of them idle.
   * @param tokens of one sequence; `start` others of it are in the KV cache
   */
  sublayerMs(sublayer: number, tiles: number, tokens: number, start: number): number {
    const times = this.#sublayers[sublayer]!;
    const attended = tokens * start + (tokens * (tokens + 1)) / 2;
    return this.#rounds(tiles) * (weightsMs(times, tokens) + attended * times.position);
  }

  /** @param rows tokens whose logits are wanted */
  vocabularyMs(tiles: number, rows: number): number {
    return this.#rounds(tiles) * weightsMs(this.#vocabulary, rows);
  }

  #rounds(tiles: number): number {
    return Math.ceil(tiles / this.#threads) * this.#threads;
  }
}

/** Tokens that share one reading and unpacking of weights: `assembly/panel.ts`. */
const panelTokens = 32;

/**
 * A panel of tokens costs one reading of the weights and the multiplications; `each` is a token's part of a full one.
 * Few tokens cost as many single ones if that is less.
 */
function weightsMs({ single, each }: TileTimes, tokens: number): number {
  const panels = Math.ceil(tokens / panelTokens);
  const multiplied = tokens * Math.max(0, each - single / panelTokens);
  return Math.min(tokens * single, panels * single + multiplied);
}

function tileTimes({ tiles, matrices }: TileWork, device: DeviceProfile, positionMs: number): TileTimes {
  let single = 0;
  let each = 0;
  for (const { format, byteLength, weights } of matrices) {
    const { decodeBytesPerSecond, prefillFlopsPerSecond } = ratesOf(device, format);
    single += (byteLength * 1000) / decodeBytesPerSecond;
    each += (2 * weights * 1000) / prefillFlopsPerSecond;
  }
  return { single: single / tiles, each: each / tiles, position: positionMs };
}

/** Of a type that was not measured, the slowest that was: no device is given more work than it was seen to do. */
function ratesOf({ kernels, name }: DeviceProfile, format: KernelFormatName): KernelRates {
  const measured = kernels[format];
  if (measured) return measured;
  const all = Object.values(kernels);
  if (all.length === 0)
    throw new HearthError('PLAN_NO_DEVICES', `nothing is known of how fast ${name} computes: measure it`, {
      device: name,
    });
  return {
    decodeBytesPerSecond: Math.min(...all.map((rates) => rates.decodeBytesPerSecond)),
    prefillFlopsPerSecond: Math.min(...all.map((rates) => rates.prefillFlopsPerSecond)),
  };
}
