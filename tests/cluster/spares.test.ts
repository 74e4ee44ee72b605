import { describe, expect, it } from 'vitest';
import { arrangeAll, goOnWithAll } from '../../coordinator/cluster/arrangement.ts';
import type { LinkKind } from '../../coordinator/cluster/member.ts';
import type { Seat } from '../../coordinator/cluster/roster.ts';
import { tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import { Spares } from '../../coordinator/cluster/spares.ts';
import { Quiet } from '../../coordinator/probe/quiet.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { fakeModel } from './fake-model.ts';
import { fakeRanks } from './fake-rank.ts';
import { MemoryCache } from './memory-cache.ts';
import { type HouseDevice, house, messagesOf, type TestHouse, tilesOf } from './test-house.ts';

/** Longer than it must be quiet. */
const quietMs = 4_000;
const layoutOf = tensorLayout(fakeModel().description.config.layerCount);

interface Keeper extends HouseDevice {
  readonly cache: MemoryCache;
}

async function joinKeeper(place: TestHouse, name: string, cache = new MemoryCache()): Promise<Keeper> {
  const sources = { cache, model: undefined, sha256: nodeSha256 };
  return { ...(await place.join(name, { createRank: fakeRanks({ cache }), sources })), cache };
}

/** Three devices at work. */
async function three(caches: readonly MemoryCache[] = []): Promise<{ place: TestHouse; keepers: Keeper[] }> {
  const place = house({ minDevices: 3, arrange: arrangeAll(layoutOf), stopgap: goOnWithAll(layoutOf) });
  const keepers: Keeper[] = [];
  for (const i of [0, 1, 2]) keepers.push(await joinKeeper(place, `device ${i}`, caches[i]));
  await place.cluster.step([next(0)]);
  return { place, keepers };
}

const next = (start: number): StepInput => ({
  slot: 0,
  start,
  count: 1,
  logits: 'last',
  tokens: [start + 5],
});

const sent = ({ hub, tileHubs }: HouseDevice): number =>
  [hub, ...tileHubs].reduce((sum, link) => sum + tilesOf(link).length, 0);
const prepared = ({ hub }: HouseDevice): number =>
  messagesOf(hub).filter(({ type }) => type === 'prepare').length;

describe('while nothing is computed', () => {
  it.each([0, 1, 2])('the others get what they need when device %i vanishes', async (lost) => {
    const { place, keepers } = await three();
    const own = keepers.map(sent);
    await place.clock.pass(quietMs);
    expect(keepers.map(prepared)).toEqual([2, 2, 2]);
    const before = keepers.map(sent);
    // None is whole without what it is sent now.
    expect(before.every((tiles, i) => tiles > own[i]!)).toBe(true);
    const expected = await rowsFromStart(place);
    keepers[lost]!.hub.cut();
    await settle();
    await place.cluster.whenReady();
    expect(place.cluster.deviceStates().map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(keepers.map(sent)).toEqual(before);
    expect(await rowsFromStart(place)).toEqual(expected);
  });

  it('what they are stays as it is, and nothing is sent twice', async () => {
    const { place, keepers } = await three();
    const { generation } = place.cluster;
    await place.clock.pass(quietMs);
    const before = keepers.map(sent);
    await place.clock.pass(60_000);
    expect(keepers.map(sent)).toEqual(before);
    expect(keepers.map(prepared)).toEqual([2, 2, 2]);
    expect([place.cluster.state, place.cluster.generation]).toEqual(['ready', generation]);
  });

  it('that ends with a step, and goes on when it is quiet again', async () => {
    const { place, keepers } = await three();
    const steps = place.clock.every(1_000, () => void place.cluster.step([next(0)]));
    await place.clock.pass(20_000);
    expect(keepers.map(prepared)).toEqual([0, 0, 0]);
    steps();
    await place.clock.pass(quietMs);
    expect(keepers.map(prepared)).toEqual([2, 2, 2]);
  });

  it('a device that joins comes first', async () => {
    const { place, keepers } = await three();
    await place.clock.pass(quietMs);
    const fourth = await joinKeeper(place, 'fourth');
    await place.cluster.whenReady();
    expect(place.cluster.deviceStates().map(({ state }) => state)).toEqual(Array(4).fill('ready'));
    await place.clock.pass(quietMs);
    expect([...keepers, fourth].map((keeper) => prepared(keeper))).toEqual([6, 6, 6, 4]);
  });

  it('who has no room for more than its own tiles goes on as it is', async () => {
    const small = new MemoryCache(1);
    const { place, keepers } = await three([small]);
    const own = sent(keepers[0]!);
    await place.clock.pass(quietMs);
    expect([prepared(keepers[0]!), sent(keepers[0]!)]).toEqual([2, own]);
    expect(sent(keepers[1]!)).toBeGreaterThan(0);
    expect(place.cluster.deviceStates().map(({ state }) => state)).toEqual(Array(3).fill('ready'));
  });
});

it('what cannot vanish alone is not prepared for', async () => {
  const clock = new FakeClock();
  const seatOf = (name: string, link: LinkKind) => ({ member: { info: { name, link } } }) as Seat;
  const seats = [seatOf('own', 'local'), seatOf('phone', 'websocket')];
  const asked: string[] = [];
  const without = ({ member }: Seat) => {
    asked.push(member.info.name);
    return undefined;
  };
  const arrangement = { seats, layout: layoutOf(seats) };
  const prepare = () => expect.unreachable();
  const spares = new Spares(
    { clock, quiet: new Quiet(clock), logger: silentLogger, without },
    () => arrangement,
    prepare,
  );
  await clock.pass(10_000);
  spares.close();
  expect(asked).toEqual(['phone']);
});

async function rowsFromStart({ cluster }: TestHouse): Promise<number[][]> {
  const rows = await cluster.step([{ slot: 1, start: 0, count: 4, logits: 'all', tokens: [5, 6, 7, 8] }]);
  return rows.map((row) => [...row]);
}
