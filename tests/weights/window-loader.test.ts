import { describe, expect, test } from 'vitest';
import { shareOf } from '../../runtime/threads/team.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import { largestSlots, Residency, slotBytes } from '../../runtime/weights/residency.ts';
import { WindowControl } from '../../runtime/weights/window-control.ts';
import { WindowLoader } from '../../runtime/weights/window-loader.ts';
import { Random } from '../support/random.ts';
import { FakeMemory, randomTiles } from './fake-memory.ts';

const region = 1 << 20;

interface Rig {
  readonly specs: readonly TileSpec[];
  readonly memory: FakeMemory;
  readonly control: WindowControl;
  readonly loader: WindowLoader;
  readonly residency: Residency;
  readonly residents: number;
  readonly teamSize: number;
}

function rig(random: Random, specs: readonly TileSpec[], teamSize: number, bytes: number): Rig {
  const residency = new Residency(specs, teamSize, bytes);
  const shared = new SharedArrayBuffer(WindowControl.byteLength(specs.length));
  const memory = new FakeMemory(specs);
  const most = residency.mostResidents(largestSlots(specs, 1));
  const residents = random.integer(most + 1);
  let nowMs = 0;
  const loader = new WindowLoader({
    control: shared,
    residency,
    region,
    loadedResidents: 0,
    read: (tile, address) => memory.read(tile, address),
    nowMs: () => nowMs++,
  });
  return { specs, memory, control: new WindowControl(shared), loader, residency, residents, teamSize };
}

/** What each thread uses in turn between two barriers. */
function phases({ specs, teamSize }: Rig, rounds: number): number[][][] {
  const layers = Math.max(0, ...specs.map(({ layer }) => layer + 1));
  const group = (kind: string, layer: number) => {
    const tiles = specs.flatMap((spec, i) => (spec.kind === kind && spec.layer === layer ? [i] : []));
    return Array.from({ length: teamSize }, (_, index) =>
      tiles.slice(...shareOf({ index, size: teamSize }, tiles.length)),
    );
  };
  const step = Array.from({ length: layers }, (_, layer) => [group('attention', layer), group('ffn', layer)]);
  return [...step.flat(), ...Array.from({ length: rounds }, () => group('vocabulary', -1))];
}

/** Runs a step in which loader and threads take turns as chance has it. @returns whether it came to its end */
function run(it: Rig, random: Random, rounds: number, stopAfter = Number.POSITIVE_INFINITY): boolean {
  it.control.beginStep(rounds);
  let used = 0;
  for (const threads of phases(it, rounds)) {
    const todo = threads.map((tiles) => [...tiles]);
    for (let turns = 0; todo.some((tiles) => tiles.length > 0); turns += 1) {
      if (turns > 10_000) return false;
      if (random.integer(2) === 0) it.loader.turn();
      const tiles = todo[random.integer(todo.length)]!;
      const address = tiles.length > 0 ? it.control.address(tiles[0]!) : 0;
      if (address === 0) continue;
      expect(it.memory.holds(tiles[0]!, address), `tile ${tiles[0]} is at ${address}`).toBe(true);
      const tile = tiles.shift()!;
      if (!it.residency.isResident(tile, it.residents)) it.control.release(tile);
      used += 1;
      if (used >= stopAfter) return true;
    }
  }
  return true;
}

function restart(it: Rig, residents = it.residents): Rig {
  it.control.requestRestart(residents);
  expect(it.loader.turn()).toBe(true);
  it.control.awaitRestart();
  return { ...it, residents };
}

describe('a sliding window', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('brings each tile in time, seed %i', (seed) => {
    const random = new Random(seed);
    const specs = randomTiles(random, 1 + random.integer(5));
    const all = specs.filter(({ kind }) => kind !== 'base').reduce((sum, spec) => sum + slotBytes(spec), 0);
    const least = largestSlots(specs, 1);
    const bytes = least + 4096 * random.integer((all - least) / 4096 + 2);
    let it = restart(rig(random, specs, 1 + random.integer(3), bytes));
    for (let step = 0; step < 6; step += 1) {
      expect(run(it, random, random.integer(4)), `step ${step} ends`).toBe(true);
      if (random.integer(3) === 0) {
        // Given up in its middle; then perhaps others stay.
        run(it, random, 1, 1 + random.integer(10));
        it = restart(it, random.integer(it.residency.mostResidents(least) + 1));
      }
    }
    if (it.memory.reads.length === 0) return;
    const [first, end] = it.memory.bounds();
    expect(first).toBeGreaterThanOrEqual(region);
    expect(end).toBeLessThanOrEqual(region + bytes);
  });

  test('reads a tile that stays once, and the others once a step', () => {
    const random = new Random(7);
    const specs = randomTiles(random, 4);
    const all = specs.reduce((sum, spec) => sum + slotBytes(spec), 0);
    const it = restart(rig(random, specs, 2, Math.ceil(all / 8192) * 4096));
    for (let step = 0; step < 5; step += 1) expect(run(it, random, 1)).toBe(true);
    const reads = new Map<number, number>();
    for (const tile of it.memory.reads) reads.set(tile, (reads.get(tile) ?? 0) + 1);
    const streamed = [...it.residency.order.layers, ...it.residency.order.vocabulary].filter(
      (tile) => !it.residency.isResident(tile, it.residents),
    );
    expect(streamed.length).toBeGreaterThan(3);
    for (const [tile, count] of reads) {
      if (it.residency.isResident(tile, it.residents)) expect(count).toBe(1);
      else expect(count === 5 || count === 6, `tile ${tile}, read ${count} times`).toBe(true);
    }
  });

  test('reads no output head for steps that want no logits', () => {
    const random = new Random(5);
    const specs = randomTiles(random, 4);
    const it = { ...rig(random, specs, 1, largestSlots(specs, 3)), residents: 0 };
    restart(it);
    for (let step = 0; step < 3; step += 1) expect(run(it, random, 0)).toBe(true);
    expect(it.residency.order.vocabulary.length).toBeGreaterThan(0);
    expect(it.memory.reads.length).toBeGreaterThan(10);
    expect(it.memory.reads.filter((tile) => specs[tile]!.kind === 'vocabulary')).toEqual([]);
  });
});
