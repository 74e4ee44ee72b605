import { ffnTileNeurons } from '../../tile/spec.ts';

/** Neurons of a list: those of a workgroup. */
export const listNeurons = 64;
/** Lists of a tile. */
export const tileLists = ffnTileNeurons / listNeurons;
const listWords = 2 + 2 * listNeurons;

/** Words of a tile's lists for one token. */
export const tileListWords = tileLists * listWords;

/**
 * Lists of neurons in `lists`, [tokens, tiles, 4]: each of 64 neurons in a row lists those that are computed, in any order.
 * A list is its length, the largest |value · scale| of their rows of down (float32), the neurons, and what they have come
 * to: gates, then values (float32).
 */
export const neuronLists = /* wgsl */ `
const listNeurons = ${listNeurons}u;
const tileLists = ${tileLists}u;
const listWords = ${listWords}u;
fn listOf(token: u32, tile: u32, tiles: u32, part: u32) -> u32 {
  return ((token * tiles + tile) * tileLists + part) * listWords;
}
fn neuronAt(list: u32, i: u32) -> u32 { return list + 2u + i; }
fn valueAt(list: u32, i: u32) -> u32 { return list + 2u + listNeurons + i; }
`;
