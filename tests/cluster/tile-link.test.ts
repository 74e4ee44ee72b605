import { describe, expect, it } from 'vitest';
import { type TileSupply, tilesOf as tilesOfModel } from '../../coordinator/cluster/tile-supply.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { settle } from './fake-clock.ts';
import { fakeModel } from './fake-model.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { type HouseDevice, house, messagesOf, type TestHouse, tilesOf } from './test-house.ts';
import { visibleCryptography } from './visible-cryptography.ts';

const tileIds = fakeModel().tiles.map(({ id }) => id);

/**
 * Two devices, of which the first has been there long enough for its link for tiles; one tile at a time.
 * @param afterThree what happens in the moment in which the first has been sent three of them
 */
async function twoDevices(
  afterThree: (first: HouseDevice) => void = () => {},
  tileLinkWaitMs = 0,
): Promise<{ place: TestHouse; first: HouseDevice }> {
  const place = house({ minDevices: 2, tileWindowBytes: 1, tiles: await atOnce() }, tileLinkWaitMs);
  const first = await place.join('first');
  const tileHub = first.tileHubs[0]!;
  const { send } = tileHub;
  tileHub.send = (frame) => {
    send(frame);
    if (tilesOf(tileHub).length === 3) afterThree(first);
  };
  await place.join('second');
  return { place, first };
}

/** Tiles that are there before an answer to one that is under way can be. */
async function atOnce(): Promise<TileSupply> {
  const model = fakeModel();
  const tiles = await Promise.all(model.tiles.map((spec) => tilesOfModel(model, nodeSha256).cut(spec)));
  return { cut: async ({ id }) => tiles[id]! };
}

async function rowsOf({ cluster }: TestHouse): Promise<Float32Array[]> {
  return cluster.step([{ slot: 0, start: 0, count: 3, logits: 'all', tokens: [7, 8, 9] }]);
}

async function soloRows(): Promise<Float32Array[]> {
  const place = house();
  await place.join('solo');
  return rowsOf(place);
}

describe('a link for tiles', () => {
  it('carries the tiles, and nothing else does', async () => {
    const { place, first } = await twoDevices();
    expect(await rowsOf(place)).toEqual(await soloRows());
    const mine = place.cluster.deviceStates()[0]!.tiles;
    expect(tilesOf(first.tileHubs[0]!)).toHaveLength(mine);
    expect(tilesOf(first.hub)).toEqual([]);
    expect(messagesOf(first.tileHubs[0]!).map(({ type }) => type)).toEqual(['hello', 'answer']);
    expect(first.tileHubs).toHaveLength(1);
  });

  it('is waited for when the device has just joined', async () => {
    const place = house({ tileWindowBytes: 1 }, 2_000);
    const first = await place.join('first');
    await place.cluster.whenReady();
    expect(tilesOf(first.tileHubs[0]!)).toEqual(tileIds);
    const second = await place.join('second', { tileLinks: undefined! });
    expect(tilesOf(second.hub)).toEqual([]);
    await place.clock.pass(2_300);
    await place.cluster.whenReady();
    expect(tilesOf(second.hub)).toHaveLength(place.cluster.deviceStates()[1]!.tiles);
    expect(await rowsOf(place)).toEqual(await soloRows());
  });

  it('need not be there', async () => {
    const place = house();
    const { hub } = await place.join('plain', { tileLinks: undefined! });
    expect(await rowsOf(place)).toEqual(await soloRows());
    expect(tilesOf(hub)).toEqual(tileIds);
  });

  it('ends with the session, on either side', async () => {
    const place = house();
    const one = await place.join('one');
    const two = await place.join('two');
    const ends: string[] = [];
    for (const { tileHubs } of [one, two]) {
      const { onClose } = tileHubs[0]!;
      tileHubs[0]!.onClose = (code, reason) => {
        ends.push(`${code} ${reason}`);
        onClose(code, reason);
      };
    }
    one.session.close();
    await settle();
    expect(ends).toEqual(['1000 the session has ended']);
    place.cluster.close();
    await place.clock.pass(40_000);
    expect(ends).toHaveLength(2);
    expect([one, two].map(({ tileHubs }) => tileHubs.length)).toEqual([1, 1]);
    expect(place.clock.timerCount).toBe(0);
  });

  it('that breaks is opened again, and what was under way is sent again', async () => {
    const { place, first } = await twoDevices(({ tileHubs }) => tileHubs[0]!.cut());
    await place.clock.pass(600);
    expect(await rowsOf(place)).toEqual(await soloRows());
    expect(tilesOf(first.tileHubs[0]!)).toHaveLength(3);
    expect(first.tileHubs).toHaveLength(2);
    expect(messagesOf(first.tileHubs[1]!).map(({ type }) => type)).toEqual(['hello', 'answer']);
    expect(first.session.state).toBe('ready');
  });

  it('that broke is waited for, and tiles do not go with all else', async () => {
    const { place, first } = await twoDevices(({ tileHubs }) => tileHubs[0]!.cut(), 2_000);
    await place.clock.pass(1_000);
    expect(await rowsOf(place)).toEqual(await soloRows());
    expect(tilesOf(first.hub)).toEqual([]);
    expect(first.tileHubs).toHaveLength(2);
  });

  it.each([
    ['before a tile has come', false, 0, true],
    ['when a tile has come and its answer not yet', true, 0, true],
    ['when a tile has come, whose answer comes before there is room again', true, 17 << 20, false],
  ])('may break %s', async (_, arrives, backlogBytes, isSentAgain) => {
    const { place, first } = await twoDevices(({ tileHubs, hub }) => {
      tileHubs[0]!.silent = !arrives;
      hub.backlogBytes = backlogBytes;
      tileHubs[0]!.onClose(1006, '');
    });
    await settle();
    first.hub.backlogBytes = 0;
    await place.clock.pass(300);
    expect(await rowsOf(place)).toEqual(await soloRows());
    const early = tilesOf(first.tileHubs[0]!);
    const late = tilesOf(first.hub);
    expect(early).toHaveLength(3);
    expect(late.includes(early[2]!)).toBe(isSentAgain);
    expect(new Set([...early, ...late]).size).toBe(place.cluster.deviceStates()[0]!.tiles);
    expect(first.session.state).toBe('ready');
  });

  it('that has gone silent is given up by the device, which opens another', async () => {
    const place = house();
    const { tileHubs, session } = await place.join('patient');
    await place.clock.pass(20_000);
    expect(messagesOf(tileHubs[0]!).filter(({ type }) => type === 'pong').length).toBeGreaterThan(2);
    tileHubs[0]!.silent = true;
    await place.clock.pass(30_800);
    expect(tileHubs).toHaveLength(2);
    expect(session.state).toBe('ready');
  });

  it('waits longer each time that it does not come about', async () => {
    const place = house();
    const opened: number[] = [];
    const open = (): MemoryLink => {
      opened.push(place.clock.nowMs());
      const [hub, link] = memoryLinkPair();
      queueMicrotask(() => hub.close(1006, 'nobody is there'));
      return link;
    };
    await place.join('unlucky', { tileLinks: { open, cryptography: visibleCryptography } });
    await place.clock.pass(40_000);
    const waits = opened.slice(1).map((atMs, i) => atMs - opened[i]!);
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000]);
    expect(await rowsOf(place)).toEqual(await soloRows());
  });

  it('gets no more tiles while it is full of what came before', async () => {
    const place = house({ minDevices: 2 });
    const { tileHubs } = await place.join('slow');
    tileHubs[0]!.backlogBytes = 17 << 20;
    await place.join('other');
    await place.clock.pass(1_000);
    expect(tilesOf(tileHubs[0]!)).toEqual([]);
    tileHubs[0]!.backlogBytes = 0;
    await place.clock.pass(300);
    await place.cluster.whenReady();
    expect(tilesOf(tileHubs[0]!).length).toBeGreaterThan(0);
  });
});
