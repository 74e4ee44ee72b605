import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Approximation } from '../model/approximation.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Allocator } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { TileStore } from '../weights/tile-store.ts';
import type { Activations } from './activations.ts';
import type { Portion } from './micro-batch.ts';
import type { RankOptions } from './rank-options.ts';

/** What computing a tile of neurons takes. */
export interface FfnPlace {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** Memory of this thread alone. */
  readonly own: Allocator;
  /** Most tokens of a portion. */
  readonly tokens: number;
  readonly config: ModelConfig;
  readonly approximation: Approximation | undefined;
  readonly tiles: TileStore;
  readonly options: RankOptions;
  readonly team: Team;
}

/**
 * Gates of a tile's neurons, a row for each token of the portion; shown to the probe.
 * @param gates address of float32 [tokens, stride]
 * @param stride elements from one row to the next
 */
export function multiplyGates(
  { arena, config, options }: FfnPlace,
  { sections, spec }: PlacedTile,
  { first, end }: Portion,
  input: Activations,
  gates: number,
  stride = paddedRowCount(spec.count),
): void {
  const { hiddenSize } = config;
  const tokens = end - first;
  input.multiply(sections.get('gate')!, first, tokens, gates, stride);
  const probe = options.ffn?.probe;
  if (!probe) return;
  const inputs = arena.f32(input.pointer + first * hiddenSize * 4, tokens * hiddenSize);
  probe(spec, arena.f32(gates, tokens * stride), stride, inputs);
}
