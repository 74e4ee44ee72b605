import { describe, expect, test } from 'vitest';
import { shareOf } from '../../runtime/threads/team.ts';
import { leastWindowBytes, Residency, slotBytes, streamableBytes } from '../../runtime/weights/residency.ts';
import { Random } from '../support/random.ts';
import { randomTiles } from './fake-memory.ts';
import { modelTiles } from './model-tiles.ts';

/** The shape of a model of a billion parameters, in its order of use. */
const model = modelTiles({
  layers: 22,
  attention: { count: 4, byteLength: 1_300_000 },
  ffn: { count: 22, byteLength: 884_736 },
  vocabulary: { count: 63, byteLength: 860_160 },
});

/** How far the share of `marked` in any stretch of a row is from their share in all of it, in members of the row. */
function unevenness(marked: readonly boolean[]): number {
  const share = marked.filter(Boolean).length / marked.length;
  let lowest = 0;
  let highest = 0;
  let excess = 0;
  for (const mark of marked) {
    excess += (mark ? 1 : 0) - share;
    lowest = Math.min(lowest, excess);
    highest = Math.max(highest, excess);
  }
  return highest - lowest;
}

describe('what stays in memory', () => {
  const counts = Array.from({ length: 31 }, (_, i) => Math.round((i * model.length) / 30));

  test.each([1, 2, 4])('is spread evenly over a step of %i threads, however much it is', (teamSize) => {
    const residency = new Residency(model, teamSize, streamableBytes(model));
    const { layers, vocabulary } = residency.order;
    const order = [...layers, ...vocabulary];
    expect(order).toHaveLength(model.length);
    for (const residents of counts) {
      const stays = order.map((tile) => residency.isResident(tile, residents));
      expect(stays.filter(Boolean)).toHaveLength(residents);
      expect(unevenness(stays), `${residents} tiles`).toBeLessThan(4);
    }
  });

  // Four threads have runs of five and of six tiles: their turns come less regularly.
  test.each([
    [2, 2, 5],
    [4, 5, 10],
  ])('is spread over each of %i threads, up to %i tiles', (teamSize, mostOff, mostUneven) => {
    const residency = new Residency(model, teamSize, streamableBytes(model));
    const group = (kind: string, layer: number) =>
      model.flatMap((spec, i) => (spec.kind === kind && spec.layer === layer ? [i] : []));
    const groups = [
      ...Array.from({ length: 22 }, (_, layer) => [group('attention', layer), group('ffn', layer)]).flat(),
      group('vocabulary', -1),
    ];
    for (const residents of counts) {
      for (let index = 0; index < teamSize; index += 1) {
        const own = groups.flatMap((tiles) =>
          tiles.slice(...shareOf({ index, size: teamSize }, tiles.length)),
        );
        const stays = own.map((tile) => residency.isResident(tile, residents));
        const share = stays.filter(Boolean).length / stays.length;
        expect(Math.abs(share - residents / model.length)).toBeLessThan(mostOff / stays.length);
        expect(unevenness(stays), `${residents} tiles, thread ${index}`).toBeLessThan(mostUneven);
      }
    }
  });

  test.each([1, 2, 3, 4, 5, 6])('lies side by side, before the ring, seed %i', (seed) => {
    const random = new Random(seed);
    const specs = randomTiles(random, 4);
    const all = streamableBytes(specs);
    const residency = new Residency(specs, 1 + random.integer(3), random.integer(all));
    const most = residency.mostResidents(0);
    expect(residency.ringOffset(most)).toBeLessThanOrEqual(residency.byteLength);
    let end = 0;
    for (const tile of residency.residents(0, most)) {
      expect(residency.offset(tile)).toBe(end);
      expect(residency.isResident(tile, most)).toBe(true);
      end += slotBytes(specs[tile]!);
    }
    expect(residency.ringOffset(most)).toBe(end);
    // One more would not fit.
    const [next] = residency.residents(most, most + 1);
    if (next !== undefined) expect(end + slotBytes(specs[next]!)).toBeGreaterThan(residency.byteLength);
  });

  test('is as much as leaves room for a ring of so many bytes', () => {
    const residency = new Residency(model, 2, 100e6);
    const ringBytes = leastWindowBytes(model, 2);
    // Two tiles for each thread and one for the loader; of the largest.
    expect(ringBytes).toBe(5 * 318 * 4096);
    const residents = residency.mostResidents(ringBytes);
    expect(residency.byteLength - residency.ringOffset(residents)).toBeGreaterThanOrEqual(ringBytes);
    expect(residency.byteLength - residency.ringOffset(residents + 1)).toBeLessThan(ringBytes);
    expect(new Residency(model, 2, streamableBytes(model)).mostResidents(0)).toBe(model.length);
  });

  describe('with cold tiles', () => {
    const specs = model.map((spec, i) =>
      spec.kind === 'ffn'
        ? {
            ...spec,
            count: 256,
            records: { byteOffset: 294_912, stride: 2304 },
            firing: [160, 12, 40, 0, 3][i % 5]!,
          }
        : spec,
    );
    const seekBytes = 20_000;
    const always = new Residency(specs, 2, 1e12).order.layers.filter(
      (index) => specs[index]!.kind !== 'ffn' || specs[index]!.firing! >= 40,
    );

    test('keeps all that every token reads before records', () => {
      const residency = new Residency(specs, 2, 300e6, seekBytes);
      expect(residency.cold.size).toBeGreaterThan(250);
      for (const index of always) expect(residency.cold.has(index)).toBe(false);
      for (const index of residency.cold) expect(residency.passingBytes(index)).toBe(294_912);
      expect(residency.offset(residency.residents(0, 1)[0]!)).toBe(2 * residency.recordRingBytes);
      expect(residency.recordRingBytes).toBeGreaterThanOrEqual(2 * 589_824);
    });

    test('then those of which most neurons fire, in places of their own', () => {
      const residency = new Residency(specs, 2, 460e6, seekBytes);
      const hot = specs.flatMap((spec, index) =>
        spec.firing !== undefined && spec.firing < 40 && !residency.cold.has(index) ? [index] : [],
      );
      expect(hot.length).toBeGreaterThan(30);
      const coldest = Math.min(...hot.map((index) => specs[index]!.firing!));
      const hottest = Math.max(...[...residency.cold].map((index) => specs[index]!.firing!));
      expect(coldest).toBeGreaterThanOrEqual(hottest);
      const begins = hot.map((index) => residency.offset(index)).sort((a, b) => a - b);
      begins.forEach((begin, i) => {
        expect(begin).toBe(2 * residency.recordRingBytes + i * 884_736);
      });
      for (const index of hot) expect(residency.isResident(index, 0)).toBe(true);
      const most = residency.mostResidents(leastWindowBytes(specs, 2));
      expect(most).toBe(residency.order.layers.length + residency.order.vocabulary.length - hot.length);
    });

    test('has none where records cannot be read', () => {
      expect(new Residency(specs, 2, 300e6).cold.size).toBe(0);
      expect(new Residency(model, 2, 300e6, seekBytes).cold.size).toBe(0);
    });
  });

  test('has no end beyond its memory', () => {
    expect(() => new Residency(model, 1, 10e6).ringOffset(model.length)).toThrow(', 10000000');
  });
});
