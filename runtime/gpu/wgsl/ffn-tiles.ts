import { ffnTileNeurons } from '../../tile/spec.ts';

/** Where a tile's matrices and what its predictor has of it begin among the weights, in words, and how many neurons it has. */
export const tilePlaces = /* wgsl */ `
const tileNeurons = ${ffnTileNeurons}u;
struct TilePlace {
  gate: u32,
  up: u32,
  down: u32,
  neurons: u32,
  scores: u32,
  bias: u32,
}
`;

/** Where what a `TilePlace` names begins, in words; 0 for what a tile does not have. */
export interface TilePlace {
  readonly gate?: number;
  readonly up?: number;
  readonly down: number;
  /** Columns of down. */
  readonly neurons: number;
  readonly scores?: number;
  readonly bias?: number;
}

/** The words of a `TilePlace`. */
export function tilePlace({ gate = 0, up = 0, down, neurons, scores = 0, bias = 0 }: TilePlace): number[] {
  return [gate, up, down, neurons, scores, bias];
}
