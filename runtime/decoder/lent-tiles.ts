import { allFfnCodes } from '../gpu/ffn/ffn-codes.ts';
import { ffnProducts } from '../gpu/ffn/ffn-products.ts';
import { GpuFfn, type GpuFfnSums } from '../gpu/ffn/gpu-ffn.ts';
import type { Arena } from '../kernels/arena.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { Lending } from './lending.ts';
import { layerTilesOf } from './lent-ffn.ts';
import { type Loan, Loans } from './loans.ts';
import type { Portion } from './micro-batch.ts';
import type { Stage } from './stage.ts';
import type { StepEvent } from './step.ts';

/**
 * Gives FFN tiles of a stage to a GPU.
 * @param maxTokens most tokens of a portion
 * @returns undefined if it cannot compute them, or none are worth it
 * @throws HearthError GPU_LOST
 */
export async function lendTiles(
  lending: Lending,
  stage: Stage,
  arena: Arena,
  maxTokens: number,
): Promise<LentTiles | undefined> {
  const specs = stage.tiles.specs.filter(({ kind }) => kind === 'ffn');
  const predictorInput = (layer: number) => stage.ffn.choice(layer).predictor?.format;
  if (specs.some((spec) => !ffnProducts(spec, predictorInput(spec.layer)))) return undefined;
  const most = (layer: number) => mostLent(lending, layer, stage.tiles.tiles('ffn', layer).length, maxTokens);
  const layers = [...new Set(specs.map(({ layer }) => layer))]
    .map((layer) => ({ layer, lent: stage.tiles.tiles('ffn', layer).slice(0, most(layer)) }))
    .filter(({ lent }) => lent.length > 0);
  if (layers.length === 0) return undefined;
  const { hiddenSize, activation } = stage.config;
  const maxTiles = Math.max(...layers.map(({ lent }) => lent.length));
  const { gpu, clock } = lending;
  const programs = layers.flatMap(({ layer, lent }) =>
    allFfnCodes(gpu, lent[0]!.spec, activation, maxTokens, predictorInput(layer)),
  );
  await gpu.prepare(programs, clock);
  const ffn = new GpuFfn(gpu, clock, { hiddenSize, activation, maxTokens, maxTiles });
  const lent = new LentTiles(stage, arena, ffn, lending, layers);
  await ffn.warmUp();
  return lent;
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

/**
 * FFN tiles of a stage that a GPU computes while the threads compute the others; the integer sums of both are added. The
 * tiles stay in memory: when the GPU is lost, at whatever moment, the leader computes them instead, to the same bits.
 */
export class LentTiles {
  readonly #stage: Stage;
  readonly #arena: Arena;
  readonly #lending: Lending;
  readonly #ffn: GpuFfn;
  readonly #loans: Loans;
  /** Of the layer that is computed. */
  #lent = 0;
  #loan: Loan<GpuFfnSums> | undefined;
  /** By layer. */
  readonly #held: ReadonlyMap<number, number>;

  constructor(stage: Stage, arena: Arena, ffn: GpuFfn, lending: Lending, layers: readonly LentLayer[]) {
    this.#stage = stage;
    this.#arena = arena;
    this.#lending = lending;
    this.#loans = new Loans(lending.onLost);
    this.#held = new Map(layers.map(({ layer, lent }) => [layer, lent.length]));
    this.#ffn = ffn;
    for (const { layer, lent } of layers) {
      const specs = lent.map(({ spec }) => spec);
      this.#ffn.hold(layer, layerTilesOf(stage, arena, layer, specs));
    }
  }

  /** Tiles that lie on the GPU, as long as it is there. */
  get tiles(): number {
    return this.#loans.isLost ? 0 : [...this.#held.values()].reduce((sum, held) => sum + held, 0);
  }

  /** Before the barrier behind which threads look at what they have to compute. */
  announce(layer: number, { first, end }: Portion): void {
    const held = this.#held.get(layer) ?? 0;
    const all = this.#stage.tiles.tiles('ffn', layer).length;
    const isFree = this.#loans.isFree && held > 0;
    this.#lent = isFree ? Math.min(held, this.#lending.tiles(layer, all, end - first)) : 0;
    this.#stage.tiles.lend(this.#lent);
  }

  /** Hands out a portion of the input, which is in place. */
  begin(layer: number, { first, end }: Portion): void {
    this.#loan = undefined;
    const { ffn, input, sums } = this.#stage;
    // Whatever of a tile that a GPU computes multiplies the input takes it in one form.
    const [matrix] = ffn.inputs(layer);
    if (this.#lent === 0 || !matrix) return;
    const start = input.address(matrix, first);
    // Copies: a GPU does not everywhere take memory that threads share.
    const x = this.#arena.u8(start, input.address(matrix, end) - start).slice();
    const scales = this.#arena.u8(sums.scales + first * 16, (end - first) * 16).slice();
    this.#loan = this.#loans.hand(() => {
      this.#ffn.begin(layer, this.#lent, end - first, x, scales);
      return this.#ffn.sums(end - first);
    });
  }

  /** Adds what came of it, or of computing it here. */
  *finish(layer: number, portion: Portion): Generator<StepEvent, void, void> {
    if (this.#lent === 0) return;
    const { ffn, input, sums } = this.#stage;
    const loan = this.#loan;
    if (loan) yield { kind: 'awaitTiles', ready: loan.ready };
    if (loan?.result) sums.addSums(portion, loan.result.fine, loan.result.coarse, loan.result.flags);
    else ffn.computeLent(layer, portion, input, sums);
  }

  /** Frees what lies on the GPU, once that has brought what it has in hand. */
  close(): void {
    this.#loans.close(() => this.#ffn.close());
  }
}
