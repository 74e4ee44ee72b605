import { HearthError } from '../error.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { LayerTimes } from '../gpu/layers/layer-times.ts';
import type { GpuClock } from '../gpu/readback.ts';
import type { Arena } from '../kernels/arena.ts';
import type { BatchToken } from './batch.ts';
import { lendLayers } from './lent-layers.ts';
import { type LentTiles, lendTiles } from './lent-tiles.ts';
import type { LayerRun } from './lone-layers.ts';
import type { RankOptions } from './rank-options.ts';
import type { Stage } from './stage.ts';
import type { StepEvent, StepHeader } from './step.ts';

/** Who computes for a stage. */
export interface Lending {
  readonly gpu: Gpu;
  readonly clock: GpuClock;
  /**
   * How many of a layer's FFN tiles, the first ones, are worth lending where so many tokens are computed at once.
   * @param held the stage's tiles of that layer
   */
  readonly tiles: (layer: number, held: number, tokens: number) => number;
  /** Whether layers that a rank computes alone are to be lent whole. Absent where they are not: then tiles are lent. */
  readonly layers?: LendWhole | undefined;
  /** Is told once. From then on the processor computes everything. */
  readonly onLost: (error: HearthError) => void;
}

/**
 * @param bytes that the layers take of the GPU
 * @param measure how long the GPU takes for them, when it holds them
 * @returns for which steps they are worth it, of so many tokens of which the last sees so many positions; undefined for none
 */
export type LendWhole = (
  run: LayerRun,
  bytes: number,
  measure: () => Promise<LayerTimes>,
) => Promise<((tokens: number, positions: number) => boolean) | undefined>;

/** Layers that a rank computes alone, lent whole. */
export interface LayerLoan {
  /** Tiles that lie elsewhere, as long as they can be computed there. */
  readonly tiles: number;
  /** @returns whether they are lent in this step */
  begin(header: StepHeader): boolean;
  /** From this position on a slot's K and V are, or will be, others than lie there. */
  keep(slot: number, positions: number): void;
  /**
   * Brings tokens from `first` of the step on through the layers, their residual in place, and K and V into their pages.
   * @returns whether it has; if not, the residual is what it was
   */
  compute(tokens: readonly BatchToken[], first: number): Generator<StepEvent, boolean, void>;
  close(): void;
}

/** What of a stage lies on a GPU: one of them, or nothing. */
export interface Lent {
  readonly layers?: LayerLoan | undefined;
  readonly tiles?: LentTiles | undefined;
}

/** Gives some of a stage, whose tiles are in place, to another processor of the device. */
export type Lend = (stage: Stage, arena: Arena, options: RankOptions) => Promise<Lent>;

/** Only whoever has a GPU loads what it computes with. */
export function lendTo(lending: Lending): Lend {
  return async (stage, arena, options) => {
    if (stage.tiles.residency) return {};
    try {
      const layers = await lendLayers(lending, stage, arena, options);
      return layers ? { layers } : { tiles: await lendTiles(lending, stage, arena, options.maxStepTokens) };
    } catch (error) {
      lending.onLost(HearthError.of(error, 'the GPU failed'));
      return {};
    }
  };
}
