import type { ModelSource } from '../../coordinator/cluster/tile-delivery.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type Assignment, planByShares } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

/** A model of small tiles with distinct bytes. */
export function fakeModel(): ModelSource {
  const described = description({
    hiddenSize: 32,
    headCount: 4,
    kvHeadCount: 4,
    headDim: 32,
    intermediateSize: 768,
    vocabSize: 1200,
  });
  const tiles = tileSpecs(described);
  return {
    description: described,
    tiles,
    cutTile: async ({ id, byteLength }) => {
      const bytes = new Uint8Array(byteLength).fill(id + 1);
      bytes[byteLength - 1] = (id * 7) % 5;
      return bytes;
    },
    embed: async (tokens, target) => {
      tokens.forEach((token, i) => {
        target.fill(token + 1, i * 32, (i + 1) * 32);
      });
    },
  };
}

/** The first of so many ranks, which holds all tiles or those given. */
export function fakeAssignment(worldSize: number, tileIds?: readonly number[]): Assignment {
  const { tiles } = fakeModel();
  const [first] = planByShares(tiles, Array(worldSize).fill(1));
  return { ...first!, tileIds: tileIds ?? tiles.map(({ id }) => id) };
}

export const fakeRankOptions: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 16,
  maxSequences: 4,
  contextLength: 256,
  kvPages: 16,
};
