import { expect, test } from 'vitest';
import { Arena } from '../../runtime/kernels/arena.ts';
import { newMemory } from '../../runtime/kernels/kernels.ts';
import { alone } from '../../runtime/threads/team.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { TileStore } from '../../runtime/weights/tile-store.ts';
import { description } from '../support/description.ts';

/** Ten FFN tiles in each of two layers. */
const specs = tileSpecs(description({ intermediateSize: 2560 }));

/** Two threads' views of one memory. */
function stores(): TileStore[] {
  const memory = newMemory(32 << 20, true);
  return [0, 1].map((index) => new TileStore(new Arena(memory), specs, { ...alone, index, size: 2 }));
}

function firstNeurons(store: TileStore, layer: number): number[] {
  const seen: number[] = [];
  store.eachOwn('ffn', layer, ({ spec }) => seen.push(spec.first / 256));
  return seen;
}

test('threads divide what is not lent, from one number in their memory', () => {
  const [leader, follower] = stores();
  for (const [count, leads, follows] of [
    [0, [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]],
    [4, [4, 5, 6], [7, 8, 9]],
    [9, [], [9]],
    [12, [], []],
    [0, [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]],
  ] as const) {
    leader!.lend(count);
    for (const layer of [0, 1]) {
      expect(firstNeurons(leader!, layer)).toEqual(leads);
      expect(firstNeurons(follower!, layer)).toEqual(follows);
      expect(leader!.lentTiles(layer)).toHaveLength(Math.min(count, 10));
    }
  }
});

test('only FFN tiles are lent, and in their places', () => {
  const [leader] = stores();
  leader!.lend(3);
  const attention: number[] = [];
  leader!.eachOwn('attention', 0, ({ spec }) => attention.push(spec.first));
  expect(attention.length).toBeGreaterThan(0);
  for (const { spec, sections } of leader!.lentTiles(1)) {
    const place = leader!.slot(spec.id)!.byteOffset;
    expect([...sections.values()].map(({ pointer, byteOffset }) => pointer - byteOffset)).toEqual([
      place,
      place,
      place,
    ]);
  }
});
