import { HearthError } from '../error.ts';
import { allFfnCodes } from '../gpu/ffn-codes.ts';
import { ffnProducts } from '../gpu/ffn-products.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { GpuFfn, type GpuFfnSums } from '../gpu/gpu-ffn.ts';
import type { GpuClock } from '../gpu/readback.ts';
import type { Arena } from '../kernels/arena.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { Portion } from './micro-batch.ts';
import type { Stage } from './stage.ts';
import type { StepEvent } from './step.ts';

/** Who computes tiles for a stage. */
export interface Lending {
  readonly gpu: Gpu;
  readonly clock: GpuClock;
  /**
   * How many of a layer's FFN tiles, the first ones, are worth lending where so many tokens are computed at once.
   * @param held the stage's tiles of that layer
   */
  readonly tiles: (layer: number, held: number, tokens: number) => number;
  /** Is told once. From then on the processor computes all tiles. */
  readonly onLost: (error: HearthError) => void;
}

/**
 * Gives some of a stage's tiles, which are in place, to another processor of the device.
 * @param maxTokens most tokens of a portion
 * @returns undefined if it cannot compute them
 */
export type LendTiles = (stage: Stage, arena: Arena, maxTokens: number) => Promise<LentTiles | undefined>;

/** Only whoever has a GPU loads what it computes with. */
export function lendTo(lending: Lending): LendTiles {
  return async (stage, arena, maxTokens) => {
    const specs = stage.tiles.specs.filter(({ kind }) => kind === 'ffn');
    if (stage.tiles.residency || specs.some((spec) => !ffnProducts(spec))) return undefined;
    const most = (layer: number) =>
      mostLent(lending, layer, stage.tiles.tiles('ffn', layer).length, maxTokens);
    const layers = [...new Set(specs.map(({ layer }) => layer))]
      .map((layer) => ({ layer, lent: stage.tiles.tiles('ffn', layer).slice(0, most(layer)) }))
      .filter(({ lent }) => lent.length > 0);
    if (layers.length === 0) return undefined;
    const { hiddenSize, activation } = stage.config;
    const maxTiles = Math.max(...layers.map(({ lent }) => lent.length));
    const shape = { hiddenSize, activation, maxTokens, maxTiles };
    const { gpu, clock, onLost } = lending;
    try {
      const programs = layers.flatMap(({ lent }) => allFfnCodes(gpu, lent[0]!.spec, activation, maxTokens));
      await gpu.prepare(programs, clock);
      const lent = new LentTiles(stage, arena, new GpuFfn(gpu, clock, shape), lending, layers);
      await lent.warmUp();
      return lent;
    } catch (error) {
      onLost(HearthError.of(error, 'the GPU failed'));
      return undefined;
    }
  };
}

/** What steps of any size may want of a layer. */
function mostLent({ tiles }: Lending, layer: number, held: number, maxTokens: number): number {
  let most = tiles(layer, held, maxTokens);
  for (let tokens = 1; tokens < maxTokens; tokens *= 2) most = Math.max(most, tiles(layer, held, tokens));
  return most;
}

/** Tiles of a layer that lie on a GPU. */
interface LentLayer {
  readonly layer: number;
  readonly lent: readonly PlacedTile[];
}

/** A layer that was handed out. */
interface Loan {
  readonly ready: Promise<void>;
  sums: GpuFfnSums | undefined;
}

/**
 * FFN tiles of a stage that a GPU computes while the threads compute the others; the integer sums of both are added. The
 * tiles stay in memory: when the GPU is lost, at whatever moment, the leader computes them instead, to the same bits.
 */
export class LentTiles {
  readonly #stage: Stage;
  readonly #arena: Arena;
  readonly #lending: Lending;
  readonly #ffn: GpuFfn;
  #isLost = false;
  /** Until it has brought what it has in hand, be it of a step that was given up, a GPU gets nothing new. */
  #isBusy = false;
  /** Of the layer that is computed. */
  #lent = 0;
  #loan: Loan | undefined;
  /** What the GPU has in hand. */
  #pending: Promise<void> = Promise.resolve();
  /** By layer. */
  readonly #held: ReadonlyMap<number, number>;

  constructor(stage: Stage, arena: Arena, ffn: GpuFfn, lending: Lending, layers: readonly LentLayer[]) {
    this.#stage = stage;
    this.#arena = arena;
    this.#lending = lending;
    this.#held = new Map(layers.map(({ layer, lent }) => [layer, lent.length]));
    this.#ffn = ffn;
    for (const { layer, lent } of layers) {
      const tiles = lent.map(({ spec }) => ({ spec, bytes: stage.tiles.slot(spec.id)!.slice() }));
      this.#ffn.hold(layer, tiles, stage.ffn.tileCount(layer));
    }
  }

  /** Before the first step. */
  async warmUp(): Promise<void> {
    this.#pending = this.#ffn.warmUp().catch((error: unknown) => this.#lose(error));
    await this.#pending;
  }

  /** Tiles that lie on the GPU, as long as it is there. */
  get tiles(): number {
    return this.#isLost ? 0 : [...this.#held.values()].reduce((sum, held) => sum + held, 0);
  }

  /** Before the barrier behind which threads look at what they have to compute. */
  announce(layer: number, { first, end }: Portion): void {
    const held = this.#held.get(layer) ?? 0;
    const all = this.#stage.tiles.tiles('ffn', layer).length;
    const isFree = !this.#isLost && !this.#isBusy && held > 0;
    this.#lent = isFree ? Math.min(held, this.#lending.tiles(layer, all, end - first)) : 0;
    this.#stage.tiles.lend(this.#lent);
  }

  /** Hands out a portion of the input, which is in place. */
  begin(layer: number, { first, end }: Portion): void {
    this.#loan = undefined;
    const { ffn, input, sums } = this.#stage;
    const [gate] = ffn.inputs(layer);
    if (this.#lent === 0 || !gate) return;
    const start = input.address(gate, first);
    // Copies: a GPU does not everywhere take memory that threads share.
    const x = this.#arena.u8(start, input.address(gate, end) - start).slice();
    const scales = this.#arena.u8(sums.scales + first * 16, (end - first) * 16).slice();
    try {
      this.#ffn.begin(layer, this.#lent, end - first, x, scales);
    } catch (error) {
      this.#lose(error);
      return;
    }
    this.#isBusy = true;
    const ready = this.#ffn.sums(end - first).then(
      (result) => {
        this.#isBusy = false;
        loan.sums = result;
      },
      (error: unknown) => this.#lose(error),
    );
    this.#pending = ready;
    const loan: Loan = { ready, sums: undefined };
    this.#loan = loan;
  }

  /** Adds what came of it, or of computing it here. */
  *finish(layer: number, portion: Portion): Generator<StepEvent, void, void> {
    if (this.#lent === 0) return;
    const { ffn, input, sums } = this.#stage;
    const loan = this.#loan;
    if (loan) yield { kind: 'awaitTiles', ready: loan.ready };
    if (loan?.sums) sums.addSums(portion, loan.sums.fine, loan.sums.coarse, loan.sums.flags);
    else ffn.computeLent(layer, portion, input, sums);
  }

  /** Frees what lies on the GPU, once that has brought what it has in hand. */
  close(): void {
    this.#isLost = true;
    void this.#pending.then(() => this.#ffn.close());
  }

  #lose(error: unknown): void {
    if (!this.#isLost) this.#lending.onLost(HearthError.of(error, 'the GPU failed'));
    this.#isLost = true;
  }
}
