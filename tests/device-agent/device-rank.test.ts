import { describe, expect, it } from 'vitest';
import { DeviceRank } from '../../device-agent/device-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { TileSources } from '../../device-agent/tile-sources.ts';
import { HearthError } from '../../runtime/error.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import type { ControlMessage, TileSetup } from '../../runtime/protocol/messages.ts';
import { encodeStep } from '../../runtime/protocol/step-frame.ts';
import { encodeTile } from '../../runtime/protocol/tile-frame.ts';
import { hashName, unknownHash } from '../../runtime/tile/tile-hash.ts';
import { FakeClock, settle } from '../cluster/fake-clock.ts';
import { fakeAssignment, fakeModel, fakeRankOptions } from '../cluster/fake-model.ts';
import { fakeRanks } from '../cluster/fake-rank.ts';
import { MemoryCache } from '../cluster/memory-cache.ts';
import { hashedTile } from '../support/hashed-tile.ts';

const model = fakeModel();
const tileIds = model.tiles.map(({ id }) => id);

function setup(configurationId: number, ids = tileIds, worldSize = 1): TileSetup {
  const { description } = model;
  const assignment = fakeAssignment(worldSize, ids);
  return { configurationId, description, assignment, tileHashes: new Uint8Array(32 * ids.length) };
}

async function tileFrame(configurationId: number, id: number, length?: number): Promise<Frame> {
  const bytes = await model.cutTile(model.tiles[id]!);
  const message = encodeTile(configurationId, hashedTile(id, bytes.subarray(0, length)));
  return decodeFrame(message, defaultFrameLimits);
}

/** A device that has joined, in the hands of a test. */
function device(given: { sources?: TileSources | undefined } = {}) {
  const cache = new MemoryCache();
  const { sources } = { sources: { cache, model: undefined, sha256: nodeSha256 }, ...given };
  const said: ControlMessage[] = [];
  const states: string[] = [];
  const frames: Uint8Array[] = [];
  const rank = new DeviceRank({
    createRank: fakeRanks(),
    sources,
    sha256: nodeSha256,
    clock: new FakeClock(),
    logger: silentLogger,
    send: (message) => said.push(message),
    sendFrame: (frame) => frames.push(frame),
    fail: (error) => expect(error).toBeUndefined(),
    onState: (state) => states.push(state),
  });
  const prepare = (...args: Parameters<typeof setup>) => rank.obey({ type: 'prepare', ...setup(...args) });
  const configure = (...args: Parameters<typeof setup>) =>
    rank.obey({
      type: 'configure',
      ...setup(...args),
      options: fakeRankOptions,
      profile: false,
      copiesKv: false,
    });
  return { rank, cache, said, states, frames, prepare, configure };
}

/** A device that is the whole model, ready for steps. */
async function readyDevice() {
  const ready = device();
  ready.configure(1);
  for (const id of tileIds) ready.rank.take(await tileFrame(1, id));
  await settle();
  expect(ready.rank.state).toBe('ready');
  ready.said.length = 0;
  return ready;
}

const header = { stepId: 3, sequences: [{ slot: 0, start: 0, count: 1, logits: 'last' }] } as const;
const step = decodeFrame(encodeStep(header, new Float32Array(32).fill(1)), defaultFrameLimits);

describe('a device that is prepared', () => {
  it('keeps what it is sent, says so, and has no rank yet', async () => {
    const { rank, cache, said, states, prepare } = device();
    prepare(4, [0, 2, 3]);
    for (const id of [3, 0, 2]) rank.take(await tileFrame(4, id));
    expect(said).toEqual([
      { type: 'wanted', configurationId: 4, tileIds: [0, 2, 3] },
      ...[3, 0, 2].map((tileId) => ({
        type: 'loaded',
        configurationId: 4,
        tileId,
        tileHash: unknownHash,
      })),
      { type: 'ready', configurationId: 4 },
    ]);
    expect(states).toEqual(['preparing', 'joined']);
    const bytes = await model.cutTile(model.tiles[2]!);
    expect(cache.tiles.get(hashName(nodeSha256(bytes)))).toEqual(bytes);
    expect(cache.tiles.size).toBe(3);
  });

  it('goes on as the rank that it is', async () => {
    const { rank, said, frames, prepare } = await readyDevice();
    prepare(2, [0, 2, 3]);
    rank.take(await tileFrame(2, 2));
    rank.take(step);
    await settle();
    expect(frames.length).toBeGreaterThan(0);
    expect(rank.state).toBe('ready');
    expect(said.map(({ type }) => type)).toEqual(['wanted', 'loaded']);
  });

  it('asks only for what it does not have', async () => {
    const { cache, said, rank } = device();
    const bytes = await model.cutTile(model.tiles[2]!);
    const hash = nodeSha256(bytes);
    cache.store(hashName(hash), bytes);
    const { tileHashes, ...rest } = setup(4, [0, 2]);
    tileHashes.set(hash, 32);
    rank.obey({ type: 'prepare', tileHashes, ...rest });
    expect(said).toEqual([{ type: 'wanted', configurationId: 4, tileIds: [0] }]);
  });

  it('needs nothing if it cuts its tiles itself, and only of that model', () => {
    const same = { description: model.description } as never;
    const other = { description: { ...model.description, outputFormat: 'F32' } } as never;
    const cutter = device({ sources: { cache: undefined, model: same, sha256: nodeSha256 } });
    cutter.prepare(4);
    expect(cutter.said).toEqual([
      { type: 'wanted', configurationId: 4, tileIds: [] },
      { type: 'ready', configurationId: 4 },
    ]);
    const stranger = device({ sources: { cache: new MemoryCache(), model: other, sha256: nodeSha256 } });
    stranger.prepare(4);
    expect(stranger.said).toEqual([{ type: 'wanted', configurationId: 4, tileIds }]);
  });

  it('declines if it keeps nothing, and stays what it is', () => {
    for (const sources of [undefined, { cache: undefined, model: undefined, sha256: nodeSha256 }]) {
      const { said, states, prepare } = device({ sources });
      prepare(4);
      expect(said).toMatchObject([{ type: 'declined', configurationId: 4, code: 'CACHE_WRITE_FAILED' }]);
      expect(states).toEqual([]);
    }
  });

  it('declines when there is no room, and ignores what still comes', async () => {
    const { rank, cache, said, prepare } = device();
    prepare(4, [0, 2]);
    cache.store = () => {
      throw new HearthError('CACHE_WRITE_FAILED', 'no room');
    };
    rank.take(await tileFrame(4, 2));
    rank.take(await tileFrame(4, 0));
    expect(said.map(({ type }) => type)).toEqual(['wanted', 'declined']);
    expect(rank.state).toBe('joined');
  });

  it('drops it for another, and for a configuration', async () => {
    const { rank, cache, said, prepare, configure } = device();
    prepare(4, [0, 2]);
    prepare(5, [0, 3]);
    rank.take(await tileFrame(4, 2));
    expect(cache.tiles.size).toBe(0);
    configure(6, [0, 2]);
    rank.take(await tileFrame(5, 3));
    rank.take(await tileFrame(6, 2));
    expect(
      said.map((message) => [message.type, 'configurationId' in message && message.configurationId]),
    ).toEqual([
      ['wanted', 4],
      ['wanted', 5],
      ['wanted', 6],
      ['loaded', 6],
    ]);
    rank.close();
  });

  it('ignores a tile that it has kept already', async () => {
    const { rank, said, prepare } = device();
    prepare(4, [0, 2]);
    rank.take(await tileFrame(4, 2));
    rank.take(await tileFrame(4, 2));
    expect(said.filter(({ type }) => type === 'loaded')).toHaveLength(1);
  });

  it.each([
    ['a tile of another length', 4, 2, 8, 'TILE_CORRUPT'],
    ['a tile that is not its own', 4, 5, undefined, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a tile of a configuration to come', 5, 2, undefined, 'PROTOCOL_UNEXPECTED_MESSAGE'],
  ])('refuses %s', async (_, configurationId, id, length, code) => {
    const { rank, cache, prepare } = device();
    prepare(4, [0, 2]);
    const frame = await tileFrame(configurationId, id, length);
    expect(() => rank.take(frame)).toThrow(expect.objectContaining({ code }));
    expect(cache.tiles.size).toBe(0);
  });

  it('refuses a tile with other bytes than it was sent with', async () => {
    const { rank, prepare } = device();
    prepare(4, [0, 2]);
    const frame = await tileFrame(4, 2);
    frame.payload[40]! ^= 1;
    expect(() => rank.take(frame)).toThrow(expect.objectContaining({ code: 'TILE_CORRUPT' }));
  });
});
