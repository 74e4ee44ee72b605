import { expect, test } from 'vitest';
import { loadShare } from '../../device-agent/tile-sources.ts';
import { alone } from '../../runtime/threads/team.ts';
import { tileHashBytes } from '../../runtime/tile/tile-hash.ts';
import { useOrder } from '../../runtime/weights/use-order.ts';
import { noSources } from '../support/rank-host.ts';
import { modelTiles } from '../weights/model-tiles.ts';

const specs = modelTiles({
  layers: 3,
  attention: { count: 4, byteLength: 300 },
  ffn: { count: 6, byteLength: 200 },
  vocabulary: { count: 8, byteLength: 100 },
});
const places = { tileSlot: () => undefined, tileLoaded: () => {}, mayStream: () => true };

/** Ids of the tiles that a thread comes to, in order. */
async function shareOfThread(index: number, size: number): Promise<number[]> {
  const tiles = specs.map((spec) => ({ spec, hash: new Uint8Array(tileHashBytes) }));
  const seen: number[] = [];
  // Nothing is here: every tile that a thread comes to is missing.
  const events = { loaded: () => {}, missing: (id: number) => seen.push(id) };
  await loadShare(tiles, { ...alone, index, size }, places, noSources, events, () => false);
  return seen;
}

test.each([1, 2])('%i threads that keep pace load tiles in the order of their use', async (size) => {
  const shares = await Promise.all(Array.from({ length: size }, (_, index) => shareOfThread(index, size)));
  const { layers, vocabulary } = useOrder(specs, size);
  const inTurn = shares[0]!.flatMap((_, i) => shares.map((share) => share[i]!));
  expect(inTurn).toEqual([...layers, ...vocabulary]);
});

test('threads load every tile once, however many they are', async () => {
  for (const size of [3, 5, 16]) {
    const shares = await Promise.all(Array.from({ length: size }, (_, index) => shareOfThread(index, size)));
    expect(shares.flat().sort((a, b) => a - b)).toEqual(specs.map(({ id }) => id));
  }
});
