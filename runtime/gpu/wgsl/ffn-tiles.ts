import { ffnTileNeurons } from '../../tile/spec.ts';

/** Where a tile's matrices begin among the weights, in words, and how many neurons it has. */
export const tilePlaces = /* wgsl */ `
const tileNeurons = ${ffnTileNeurons}u;
struct TilePlace {
  gate: u32,
  up: u32,
  down: u32,
  neurons: u32,
}
`;

/** Words of a `TilePlace`. */
export const tilePlaceWords = 4;
