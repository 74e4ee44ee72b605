import { describe, expect, it } from 'vitest';
import type { Link } from '../../device-agent/link.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { HearthError } from '../../runtime/error.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { frameTypeNumbers } from '../../runtime/protocol/frame.ts';
import { settle } from './fake-clock.ts';
import { fakeModel } from './fake-model.ts';
import { fakeRanks } from './fake-rank.ts';
import { MemoryCache } from './memory-cache.ts';
import { framesOf, type HouseDevice, house, messagesOf, type TestHouse, tilesOf } from './test-house.ts';

interface Keeper extends HouseDevice {
  readonly cache: MemoryCache;
}

/** Joins a device that keeps tiles. */
async function joinKeeper(place: TestHouse, name: string, cache = new MemoryCache()): Promise<Keeper> {
  const sources = { cache, model: undefined, sha256: nodeSha256 };
  return { ...(await place.join(name, { createRank: fakeRanks({ cache }), sources })), cache };
}

/** Stops the tiles that are sent over a link. @returns what lets them go on */
function hold(link: Link): () => void {
  const held: Uint8Array[] = [];
  const { send } = link;
  link.send = (frame) => {
    if (frame[0] === frameTypeNumbers.tile) held.push(frame);
    else send(frame);
  };
  return () => {
    link.send = send;
    for (const frame of held) send(frame);
  };
}

/** A device that computes alone, and another that has joined and whose tiles are stopped after its first link's. */
async function newcomer(options: ConstructorParameters<typeof TestHouse>[0] = {}) {
  const place = house(options);
  const first = await joinKeeper(place, 'first');
  await place.cluster.step([at(0)]);
  const releases: (() => void)[] = [];
  place.onSealed = (link) => releases.push(hold(link));
  const second = await joinKeeper(place, 'second');
  place.onSealed = () => {};
  const release = async (): Promise<void> => {
    for (const each of releases) each();
    await settle();
  };
  return { place, first, second, release };
}

/** The next token of one sequence. */
function at(start: number): StepInput {
  return { slot: 0, start, count: 1, logits: 'last', tokens: [start + 5] };
}

const states = ({ cluster }: TestHouse) => cluster.deviceStates().map(({ state }) => state);
const setups = ({ hub }: HouseDevice) =>
  messagesOf(hub).flatMap(({ type }) => (type === 'prepare' || type === 'configure' ? [type] : []));
const tilesSent = (device: HouseDevice): number =>
  [device.hub, ...device.tileHubs].reduce((sum, link) => sum + tilesOf(link).length, 0);

async function rowsFromStart({ cluster }: TestHouse): Promise<Float32Array[]> {
  return cluster.step([{ slot: 0, start: 0, count: 4, logits: 'all', tokens: [5, 6, 7, 8] }]);
}

async function soloRows(): Promise<Float32Array[]> {
  const place = house();
  await place.join('solo');
  return rowsFromStart(place);
}

describe('while a newcomer gets its tiles', () => {
  it('the others go on stepping, and then they form from what was kept', async () => {
    const { place, first, second, release } = await newcomer();
    const { cluster } = place;
    const resets = cluster.generation;
    expect(states(place)).toEqual(['ready', 'preparing']);
    expect(cluster.deviceStates()[1]).toMatchObject({ rank: undefined, loadedTiles: 0, tiles: 9 });
    for (const start of [1, 2, 3]) expect(await cluster.step([at(start)])).toHaveLength(1);
    expect([cluster.state, cluster.generation]).toEqual(['ready', resets]);
    expect([first.session.state, second.session.state]).toEqual(['ready', 'preparing']);
    await release();
    await cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(cluster.generation).toBe(resets + 1);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
    // Everything once: nobody was sent again what it had kept.
    expect(setups(first)).toEqual(['configure', 'prepare', 'configure']);
    expect(setups(second)).toEqual(['prepare', 'configure']);
    expect(tilesSent(first)).toBe(fakeModel().tiles.length);
    expect(tilesSent(second)).toBe(cluster.deviceStates()[1]!.tiles);
  });

  it('nobody is configured before the last tile has been kept', async () => {
    const { place, second, release } = await newcomer();
    await release();
    await place.cluster.whenReady();
    const order = messagesOf(second.hub).map(({ type }) => type);
    expect(order).toEqual(['hello', 'answer', 'welcome', 'prepare', 'configure']);
    const kept = second.cache.tiles.size;
    expect(kept).toBe(tilesSent(second));
    expect(framesOf(second.tileHubs[0]!).filter(({ type }) => type === 'tile')).toHaveLength(kept);
  });

  it('a step that is under way is not broken', async () => {
    const { place, release } = await newcomer();
    const running = place.cluster.step([at(1)]);
    await release();
    expect(await running).toHaveLength(1);
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
  });

  it('who comes then is prepared too, and nothing is sent twice', async () => {
    const { place, first, second, release } = await newcomer();
    const third = await joinKeeper(place, 'third');
    expect(states(place)).toEqual(['ready', 'preparing', 'preparing']);
    expect(await place.cluster.step([at(1)])).toHaveLength(1);
    await release();
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready', 'ready']);
    expect(setups(second)).toEqual(['prepare', 'prepare', 'configure']);
    expect(setups(first).filter((type) => type === 'configure')).toHaveLength(2);
    expect(setups(third)).toEqual(['prepare', 'configure']);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });

  it('who leaves then is forgotten, and nobody else notices', async () => {
    const { place, first, second, release } = await newcomer();
    const { generation } = place.cluster;
    second.session.close();
    await settle();
    await release();
    expect(states(place)).toEqual(['ready']);
    expect(await place.cluster.step([at(1)])).toHaveLength(1);
    expect(place.cluster.generation).toBe(generation);
    expect(setups(first)).toEqual(['configure', 'prepare']);
    await place.clock.pass(100_000);
    expect(states(place)).toEqual(['ready']);
  });

  it('and one of those who compute leaves, the rest form at once', async () => {
    const { place, first, second, release } = await newcomer();
    first.hub.cut();
    await release();
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready']);
    expect(second.session.state).toBe('ready');
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });

  it('its link for tiles may break', async () => {
    const { place, second, release } = await newcomer();
    second.tileHubs[0]!.cut();
    await place.clock.pass(600);
    await release();
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(second.tileHubs).toHaveLength(2);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });

  it('that keeps nothing, since it does not answer, it is let go, and nobody else notices', async () => {
    const { place } = await newcomer();
    await place.clock.pass(61_000);
    expect(states(place)).toEqual(['ready']);
    expect(await place.cluster.step([at(1)])).toHaveLength(1);
  });
});

describe('who cannot be prepared', () => {
  it('since it keeps nothing, is sent its tiles when all form', async () => {
    const place = house();
    const first = await joinKeeper(place, 'first');
    await place.cluster.whenReady();
    const second = await place.join('second');
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(setups(second)).toEqual(['prepare', 'configure']);
    expect(setups(first)).toEqual(['configure', 'prepare', 'configure']);
    expect(tilesSent(second)).toBe(place.cluster.deviceStates()[1]!.tiles);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });

  it('since its disk is full, holds up nobody', async () => {
    const place = house();
    await joinKeeper(place, 'first');
    await place.cluster.whenReady();
    const cache = new MemoryCache();
    const { store } = cache;
    let stores = 0;
    cache.store = (...tile) => {
      stores += 1;
      if (stores === 3) throw new HearthError('CACHE_WRITE_FAILED', 'no room');
      store.apply(cache, tile);
    };
    const second = await joinKeeper(place, 'full', cache);
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(setups(second)).toEqual(['prepare', 'configure']);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });

  it('since the coordinator cannot cut its tiles, only that once', async () => {
    const model = fakeModel();
    let failures = 0;
    const cutTile: typeof model.cutTile = async (...tile) => {
      failures -= 1;
      if (failures === 0) throw new Error('the disk was asleep');
      return model.cutTile(...tile);
    };
    const place = house({ model: { ...model, cutTile } });
    await joinKeeper(place, 'first');
    await place.cluster.whenReady();
    failures = 3;
    const second = await joinKeeper(place, 'second');
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(setups(second)).toEqual(['prepare', 'configure']);
    expect(await rowsFromStart(place)).toEqual(await soloRows());
  });
});

describe('who need not be sent anything', () => {
  it('since it cuts its own tiles, says so at once', async () => {
    const place = house();
    await joinKeeper(place, 'first');
    await place.cluster.whenReady();
    const model = { description: fakeModel().description } as never;
    const sources = { cache: undefined, model, sha256: nodeSha256 };
    const second = await place.join('second', { sources });
    await place.cluster.whenReady();
    expect(setups(second)).toEqual(['prepare', 'configure']);
    // The fake rank does not cut, and so is sent them afterwards; it need not have been before.
    expect(tilesSent(second)).toBe(place.cluster.deviceStates()[1]!.tiles);
  });

  it('since it was here before, forms at once', async () => {
    const { place, second, release } = await newcomer();
    await release();
    await place.cluster.whenReady();
    second.session.close();
    await settle();
    await place.cluster.whenReady();
    const again = await joinKeeper(place, 'second', second.cache);
    await place.cluster.whenReady();
    expect(states(place)).toEqual(['ready', 'ready']);
    expect(tilesSent(again)).toBe(0);
  });
});
