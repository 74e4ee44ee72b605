import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Allocator } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import type { Portion } from './micro-batch.ts';
import type { RankOptions } from './rank-options.ts';

/** What computing a tile of neurons takes. */
export interface FfnPlace {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** Memory of this thread alone. */
  readonly own: Allocator;
  /** Address of float32 [tokens, neurons of a tile] there. */
  readonly gates: number;
  /** Most tokens of a portion. */
  readonly tokens: number;
  readonly config: ModelConfig;
  readonly options: RankOptions;
  readonly team: Team;
}

/** Gates of a tile's neurons, from `gates` on, a row for each token of the portion; shown to the probe. */
export function multiplyGates(
  { arena, gates, options }: FfnPlace,
  { sections, spec }: PlacedTile,
  { first, end }: Portion,
  input: Activations,
): void {
  const stride = paddedRowCount(spec.count);
  const tokens = end - first;
  input.multiply(sections.get('gate')!, first, tokens, gates, stride);
  options.ffn?.probe?.(spec.layer, spec.first, spec.count, arena.f32(gates, tokens * stride), stride);
}
