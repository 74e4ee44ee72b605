import { HearthError } from '../error.ts';
import { sharedMs, type TileTimes, tilesToLend } from '../gpu/rates/gpu-share.ts';
import { tokenGroups } from '../gpu/token-groups.ts';
import type { KernelFormatName } from '../kernels/formats.ts';
import type { DeviceProfile, GpuProfile, KernelRates } from './profiles.ts';
import type { ModelWork, TileWork } from './workload.ts';

/** Milliseconds that one tile takes of a device whose threads all compute, or of its GPU. */
interface TileCosts {
  /** For a token by itself: its weights are read once. */
  readonly single: number;
  /** For each token of many, which share what is unpacked. */
  readonly each: number;
  /** For each token and position that it attends to. */
  readonly position: number;
}

/** What a layer's tiles cost, on average. */
interface SublayerCosts {
  readonly processor: TileCosts;
  /** Undefined where the device has no GPU for them. */
  readonly gpu: TileCosts | undefined;
  /** What a token by itself reads of the first 0, 1, … tiles, in average ones; undefined where all are alike. */
  readonly readOfFirst: readonly number[] | undefined;
  /** What is worth lending, by tiles and tokens. */
  readonly lent: Map<string, number>;
}

/** How long a device takes for tiles of a model. */
export class DeviceTimes {
  readonly #threads: number;
  readonly #sublayers: readonly SublayerCosts[];
  readonly #vocabulary: SublayerCosts;
  readonly #gpu: GpuProfile | undefined;
  readonly #gpuRoom: number;

  /** @param gpuRoom the part of its FFN tiles that its GPU has room for; by default as if it had all of the model's */
  constructor(work: ModelWork, device: DeviceProfile, gpuRoom = roomFor(work, device.gpu)) {
    const positionMs = (work.kvBytesPerPosition * 1000) / device.attentionBytesPerSecond;
    const known = new Map<string, SublayerCosts>();
    // Layers of one make are alike: a model has a few of them.
    const costsOf = (tiles: TileWork): SublayerCosts => {
      const key = JSON.stringify({ ...tiles, firstTile: 0 });
      const costs = known.get(key) ?? {
        processor: tileCosts(
          tiles,
          (format) => ratesOf(device, format),
          tiles.kind === 'attention' ? positionMs : 0,
        ),
        gpu: gpuCosts(tiles, device.gpu),
        readOfFirst: tiles.loads && sumsOf(tiles.loads),
        lent: new Map<string, number>(),
      };
      known.set(key, costs);
      return costs;
    };
    this.#threads = Math.max(1, device.threads);
    this.#sublayers = work.sublayers.map(costsOf);
    this.#vocabulary = costsOf(work.vocabulary);
    this.#gpu = device.gpu;
    this.#gpuRoom = gpuRoom;
  }

  /**
   * Threads take whole tiles, so that a last round may leave some of them idle. A GPU computes meanwhile what is worth
   * lending to it.
   * @param tokens of one sequence; `start` others of it are in the KV cache
   * @param streams whether tiles do not stay in memory: then none are lent
   * @param heat what a token by itself reads of these tiles, as a multiple of what it reads of as many on average
   */
  sublayerMs(
    sublayer: number,
    tiles: number,
    tokens: number,
    start: number,
    { streams = false, heat = 1 } = {},
  ): number {
    const costs = this.#sublayers[sublayer]!;
    if (costs.gpu && !streams)
      return sharedMs(this.#tileTimes(costs, tiles, tokens), this.gpuTiles(sublayer, tiles, tokens));
    const attended = tokens * start + (tokens * (tokens + 1)) / 2;
    const { single, each, position } = costs.processor;
    return this.#rounds(tiles) * (weightsMs({ single: single * heat, each }, tokens) + attended * position);
  }

  /** Whether the GPU, its syncs aside, takes less time for tiles of a layer's FFN than the processor. */
  isGpuFaster(sublayer: number, tiles: number, tokens: number): boolean {
    const { processor, gpu } = this.#sublayers[sublayer]!;
    return (
      gpu !== undefined && tiles * groupsMs(gpu, tokens) < this.#rounds(tiles) * weightsMs(processor, tokens)
    );
  }

  /** How many of a layer's FFN tiles are worth lending to the GPU. */
  gpuTiles(sublayer: number, tiles: number, tokens: number): number {
    const costs = this.#sublayers[sublayer]!;
    if (!costs.gpu) return 0;
    const key = `${tiles} ${tokens}`;
    const lent = costs.lent.get(key) ?? tilesToLend(this.#tileTimes(costs, tiles, tokens));
    costs.lent.set(key, lent);
    return lent;
  }

  /** The GPU has the first tiles. Which ones a device has of a layer is not known where others have some of it too. */
  #tileTimes({ processor, gpu, readOfFirst }: SublayerCosts, tiles: number, tokens: number): TileTimes {
    const read = readOfFirst?.length === tiles + 1 ? readOfFirst : undefined;
    const heat = (first: number, end: number) =>
      read && first < end ? (read[end]! - read[first]!) / (end - first) : 1;
    const heated = ({ single, ...rest }: TileCosts, by: number): TileCosts => ({
      ...rest,
      single: single * by,
    });
    return {
      tiles,
      room: Math.floor(tiles * this.#gpuRoom),
      processorMs: (count) =>
        this.#rounds(count) * weightsMs(heated(processor, heat(tiles - count, tiles)), tokens),
      gpuMs: (count) => this.#gpu!.syncMs + count * groupsMs(heated(gpu!, heat(0, count)), tokens),
    };
  }

  /** @param rows tokens whose logits are wanted */
  vocabularyMs(tiles: number, rows: number): number {
    return this.#rounds(tiles) * weightsMs(this.#vocabulary.processor, rows);
  }

  #rounds(tiles: number): number {
    return Math.ceil(tiles / this.#threads) * this.#threads;
  }
}

/** Of the first 0, 1, … numbers. */
function sumsOf(numbers: readonly number[]): number[] {
  let sum = 0;
  return [0, ...numbers.map((number) => (sum += number))];
}

/** Tokens that share one reading and unpacking of weights: `assembly/panel.ts`. */
const panelTokens = 32;

/**
 * A panel of tokens costs one reading of the weights and the multiplications; `each` is a token's part of a full one.
 * Few tokens cost as many single ones if that is less.
 */
function weightsMs({ single, each }: Omit<TileCosts, 'position'>, tokens: number): number {
  const panels = Math.ceil(tokens / panelTokens);
  const multiplied = tokens * Math.max(0, each - single / panelTokens);
  return Math.min(tokens * single, panels * single + multiplied);
}

/** A GPU takes tokens by the group, each of which reads the weights once. */
function groupsMs({ single, each }: TileCosts, tokens: number): number {
  const group = tokenGroups(tokens);
  return tokens <= 1 ? single : Math.ceil(tokens / group) * group * each;
}

function tileCosts(
  { tiles, matrices }: TileWork,
  rates: (format: KernelFormatName) => KernelRates,
  positionMs: number,
): TileCosts {
  let single = 0;
  let each = 0;
  for (const { format, byteLength, weights } of matrices) {
    const { decodeBytesPerSecond, prefillFlopsPerSecond } = rates(format);
    single += (byteLength * 1000) / decodeBytesPerSecond;
    each += (2 * weights * 1000) / prefillFlopsPerSecond;
  }
  return { single: single / tiles, each: each / tiles, position: positionMs };
}

function gpuCosts(tiles: TileWork, gpu: GpuProfile | undefined): TileCosts | undefined {
  if (!gpu || !tiles.forGpus || tiles.matrices.some(({ format }) => !gpu.kernels[format])) return undefined;
  return tileCosts(tiles, (format) => gpu.kernels[format]!, 0);
}

function roomFor({ sublayers }: ModelWork, gpu: GpuProfile | undefined): number {
  const ffnBytes = sublayers.reduce(
    (sum, { kind, byteLength }) => sum + (kind === 'ffn' ? byteLength : 0),
    0,
  );
  return Math.min(1, (gpu?.memoryBytes ?? 0) / ffnBytes);
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
