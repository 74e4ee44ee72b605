import { HearthError } from '../error.ts';
import { ffnProducts } from '../gpu/ffn-slab.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { GpuFfn, type GpuFfnSums } from '../gpu/gpu-ffn.ts';
import type { GpuClock } from '../gpu/readback.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Portion } from './micro-batch.ts';
import type { Stage } from './stage.ts';
import type { StepEvent } from './step.ts';

/** Who computes tiles for a stage. */
export interface Lending {
  readonly gpu: Gpu;
  readonly clock: GpuClock;
  /** FFN tiles of each layer, the first ones, or all if there are fewer. */
  readonly tiles: number;
  /** Is told once. From then on the processor computes all tiles. */
  readonly onLost: (error: HearthError) => void;
}

/**
 * Gives some of a stage's tiles, which are in place, to another processor of the device.
 * @param maxTokens most tokens of a portion
 * @returns undefined if it cannot compute them
 */
export type LendTiles = (stage: Stage, arena: Arena, maxTokens: number) => LentTiles | undefined;

/** Only whoever has a GPU loads what it computes with. */
export function lendTo(lending: Lending): LendTiles {
  return (stage, arena, maxTokens) => {
    const specs = stage.tiles.specs.filter(({ kind }) => kind === 'ffn');
    const streams = stage.tiles.residency !== undefined;
    if (streams || specs.length === 0 || lending.tiles < 1) return undefined;
    if (specs.some((spec) => !ffnProducts(spec))) return undefined;
    return new LentTiles(stage, arena, maxTokens, lending);
  };
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
  #isLent = false;
  #loan: Loan | undefined;

  constructor(stage: Stage, arena: Arena, maxTokens: number, lending: Lending) {
    const { hiddenSize, activation } = stage.config;
    const { gpu, clock } = lending;
    this.#stage = stage;
    this.#arena = arena;
    this.#lending = lending;
    const layers = [...new Set(stage.tiles.specs.map(({ layer }) => layer))]
      .map((layer) => ({ layer, lent: stage.tiles.tiles('ffn', layer).slice(0, lending.tiles) }))
      .filter(({ lent }) => lent.length > 0);
    const maxTiles = Math.max(...layers.map(({ lent }) => lent.length));
    this.#ffn = new GpuFfn(gpu, clock, { hiddenSize, activation, maxTokens, maxTiles });
    for (const { layer, lent } of layers) {
      const tiles = lent.map(({ spec }) => ({ spec, bytes: stage.tiles.slot(spec.id)!.slice() }));
      this.#ffn.hold(layer, tiles, stage.ffn.tileCount(layer));
    }
  }

  /** Before the barrier behind which threads look at what they have to compute. */
  announce(): void {
    this.#isLent = !this.#isLost && !this.#isBusy;
    this.#stage.tiles.lend(this.#isLent ? this.#lending.tiles : 0);
  }

  /** Hands out a portion of the input, which is in place. */
  begin(layer: number, { first, end }: Portion): void {
    this.#loan = undefined;
    const { ffn, input, sums } = this.#stage;
    const [gate] = ffn.inputs(layer);
    if (!this.#isLent || !gate) return;
    const start = input.address(gate, first);
    // Copies: a GPU does not everywhere take memory that threads share.
    const x = this.#arena.u8(start, input.address(gate, end) - start).slice();
    const scales = this.#arena.u8(sums.scales + first * 16, (end - first) * 16).slice();
    try {
      this.#ffn.begin(layer, end - first, x, scales);
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
    const loan: Loan = { ready, sums: undefined };
    this.#loan = loan;
  }

  /** Adds what came of it, or of computing it here. */
  *finish(layer: number, portion: Portion): Generator<StepEvent, void, void> {
    if (!this.#isLent) return;
    const { ffn, input, sums } = this.#stage;
    const loan = this.#loan;
    if (loan) yield { kind: 'awaitTiles', ready: loan.ready };
    if (loan?.sums) sums.addSums(portion, loan.sums.fine, loan.sums.coarse, loan.sums.flags);
    else ffn.computeLent(layer, portion, input, sums);
  }

  #lose(error: unknown): void {
    if (!this.#isLost) this.#lending.onLost(HearthError.of(error, 'the GPU failed'));
    this.#isLost = true;
  }
}
