import { assert } from '../error.ts';
import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { largestRank, rankStep } from '../model/approximation.ts';
import { operations } from '../profile/operations.ts';
import { shareOf } from '../threads/team.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import { Activations } from './activations.ts';
import type { FfnPlace } from './ffn-gates.ts';
import type { ListedRows } from './listed-rows.ts';
import type { Portion } from './micro-batch.ts';
import type { NeuronChoice } from './neuron-choice.ts';
import type { NeuronLists } from './neuron-lists.ts';

/**
 * Those that a low-rank predictor expects to fire, and do: gates of the others are not computed. Scores are integer dot
 * products as all others, so who is chosen does not depend on the ranks, threads or tokens that are computed together.
 */
export class PredictedNeurons implements NeuronChoice {
  readonly #place: FfnPlace;
  readonly #rows: ListedRows;
  readonly #threshold: number;
  /** float32 [tokens, rank], input · x: of each token all threads compute a part of the rank. */
  readonly #products: number;
  /** relu of that, for this thread. */
  readonly #hidden: Activations;

  constructor(place: FfnPlace, rows: ListedRows) {
    const { kernels, arena, own, tokens, approximation } = place;
    assert(approximation?.kind === 'predicted', 'a model with predictors');
    this.#place = place;
    this.#rows = rows;
    this.#threshold = approximation.threshold;
    const rank = largestRank(approximation);
    this.#products = arena.alloc(tokens * rank * 4);
    this.#hidden = new Activations(kernels, own, own, tokens, rank);
  }

  begin(layer: number, { first, end }: Portion, input: Activations): void {
    const { kernels, arena, tiles, team } = this.#place;
    const [tile] = tiles.tiles('ffn', layer);
    if (!tile) return;
    const [tokens, rank] = [end - first, tile.sections.get('predictorOutput')!.columns];
    this.#multiplyPart(tiles.baseSection('predictorInput', layer), first, tokens, input);
    team.recorder.mark(operations.predict);
    team.barrier();
    const { pointer } = this.#hidden;
    arena.f32(pointer, tokens * rank).set(arena.f32(this.#products, tokens * rank));
    kernels.relu(pointer, tokens * rank);
    this.#hidden.prepare([tile.sections.get('predictorOutput')!], 0, tokens);
    team.recorder.mark(operations.predict);
  }

  /** This thread's groups of the input matrix's rows. */
  #multiplyPart(matrix: PlacedSection, first: number, tokens: number, input: Activations): void {
    const [group, endGroup] = shareOf(this.#place.team, matrix.rows / rankStep);
    const rows = (endGroup - group) * rankStep;
    if (rows === 0) return;
    const { packedBytes } = kernelFormats[matrix.format as KernelFormatName];
    const pointer = matrix.pointer + group * packedBytes(rankStep, matrix.columns);
    const y = this.#products + group * rankStep * 4;
    input.multiply({ ...matrix, pointer, rows }, first, tokens, y, matrix.rows);
  }

  choose({ sections, spec }: PlacedTile, portion: Portion, _: Activations, lists: NeuronLists): number {
    const { kernels, team } = this.#place;
    const tokens = portion.end - portion.first;
    this.#hidden.multiply(sections.get('predictorOutput')!, 0, tokens, lists.gates, ffnTileNeurons);
    const bias = sections.get('predictorBias')!.pointer;
    kernels.addBias(lists.gates, bias, spec.count, tokens, ffnTileNeurons);
    for (let token = 0; token < tokens; token += 1)
      lists.lengths[token] = kernels.neuronsFrom(
        lists.gatesAt(token),
        spec.count,
        this.#threshold,
        lists.at(token),
      );
    team.recorder.mark(operations.predict);
    return lists.total(tokens);
  }

  gate(
    { sections, isScattered }: PlacedTile,
    portion: Portion,
    input: Activations,
    lists: NeuronLists,
  ): void {
    const { kernels, team } = this.#place;
    const tokens = portion.end - portion.first;
    this.#rows.multiply(sections.get('gate')!, isScattered, portion, input, lists, lists.gates);
    team.recorder.mark(operations.gateUp);
    for (let token = 0; token < tokens; token += 1) {
      const [row, length] = [lists.gatesAt(token), lists.lengths[token]!];
      kernels.relu(row, length);
      lists.lengths[token] = kernels.dropZeros(row, lists.at(token), length);
    }
    team.recorder.mark(operations.swiglu);
  }
}
