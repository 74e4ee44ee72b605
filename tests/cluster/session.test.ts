import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Session, type SessionOptions } from '../../device-agent/session.ts';
import { encodePlanes } from '../../runtime/collective/partial-frame.ts';
import { HearthError } from '../../runtime/error.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame, type Frame } from '../../runtime/protocol/frame.ts';
import type { Configure } from '../../runtime/protocol/messages.ts';
import { encodeStep } from '../../runtime/protocol/step-frame.ts';
import { encodeTile } from '../../runtime/protocol/tile-frame.ts';
import { unknownHash } from '../../runtime/tile/tile-hash.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { samples } from '../protocol/samples.ts';
import { hashedTile } from '../support/hashed-tile.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { fakeAssignment, fakeModel, fakeRankOptions } from './fake-model.ts';
import { fakeMemory, fakeRanks } from './fake-rank.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { sessionOptions, welcome } from './test-cluster.ts';

const model = fakeModel();

function configure(configurationId = 1, worldSize = 2): Configure {
  return {
    type: 'configure',
    configurationId,
    description: model.description,
    assignment: fakeAssignment(worldSize),
    options: fakeRankOptions,
    tileHashes: new Uint8Array(32 * model.tiles.length),
    profile: false,
    copiesKv: false,
  };
}

const header = { stepId: 3, sequences: [{ slot: 0, start: 0, count: 1, logits: 'last' }] } as const;
const step = (stepId = 3): Uint8Array => encodeStep({ ...header, stepId }, new Float32Array(32).fill(1));

/** A session in the hands of a test that plays the coordinator. */
class Puppet {
  readonly hub: MemoryLink;
  readonly session: Session;

  constructor(overrides: Partial<SessionOptions> = {}) {
    const [hub, device] = memoryLinkPair();
    this.hub = hub;
    this.#device = device;
    this.session = new Session(device, sessionOptions('puppet', overrides));
  }

  readonly #device: MemoryLink;

  async join(): Promise<this> {
    this.hub.send(encodeControl(welcome));
    await settle();
    return this;
  }

  async load(worldSize = 2): Promise<this> {
    await this.join();
    this.hub.send(encodeControl(configure(1, worldSize)));
    for (const tile of model.tiles) {
      this.hub.send(encodeTile(1, hashedTile(tile.id, await model.cutTile(tile))));
    }
    await settle();
    return this;
  }

  async send(...frames: Uint8Array[]): Promise<void> {
    for (const frame of frames) this.hub.send(frame);
    await settle();
  }

  /** What the session has said, without its join. */
  get said(): (Frame | ReturnType<typeof decodeControl>)[] {
    return this.#device.sent.slice(1).map((message) => {
      const frame = decodeFrame(message, defaultFrameLimits);
      return frame.type === 'control' ? decodeControl(frame) : frame;
    });
  }
}

/** The peer's part of a sync, of nothing. */
function peerPartial(syncIndex: number, stepId = 3): Uint8Array {
  const planes = referenceCodec.allocatePlanes(32);
  return encodePlanes('partial', { stepId, syncIndex, first: 0, tokens: 1 }, planes, referenceCodec);
}

const allSyncs = (stepId = 3): Uint8Array[] =>
  [0, 1, 2, 3].map((syncIndex) => peerPartial(syncIndex, stepId));

describe('a configured session', () => {
  it('asks for its tiles, answers each, and says when it is ready', async () => {
    const states: string[] = [];
    const puppet = await new Puppet({ onState: (state) => states.push(state) }).load();
    const tileIds = model.tiles.map(({ id }) => id);
    expect(puppet.said).toEqual([
      { type: 'wanted', configurationId: 1, tileIds },
      ...tileIds.map((tileId) => ({ type: 'loaded', configurationId: 1, tileId, tileHash: unknownHash })),
      { type: 'ready', configurationId: 1 },
      { type: 'memory', configurationId: 1, ...fakeMemory, steps: 0 },
    ]);
    expect(states).toEqual(['awaiting-welcome', 'joined', 'loading', 'ready']);
  });

  it('runs a step: a partial at each sync, then its logits', async () => {
    const puppet = await new Puppet().load();
    const before = puppet.said.length;
    await puppet.send(step(), ...allSyncs());
    const said = puppet.said.slice(before) as Frame[];
    expect(said.map(({ type, index }) => [type, index])).toEqual([
      ['partial', 0],
      ['partial', 1],
      ['partial', 2],
      ['partial', 3],
      ['logits', 3],
    ]);
  });

  it('says from time to time what its rank takes', async () => {
    const clock = new FakeClock();
    const puppet = await new Puppet({ clock }).load();
    await puppet.send(step(), ...allSyncs());
    await clock.pass(2_500);
    await puppet.send(step(4), ...allSyncs(4));
    const [, ...reports] = puppet.said.filter(({ type }) => type === 'memory');
    expect(reports).toEqual([{ type: 'memory', configurationId: 1, ...fakeMemory, steps: 2 }]);
  });

  it('computes alone without syncs, and answers pings in between', async () => {
    const clock = new FakeClock();
    const slow = fakeRanks({ onSync: () => void clock.pass(150) });
    const puppet = await new Puppet({ clock, createRank: slow }).load(1);
    const before = puppet.said.length;
    await puppet.send(step(), encodeControl({ type: 'ping', id: 77 }));
    for (let i = 0; i < 10; i += 1) await settle();
    const said = puppet.said.slice(before).map(({ type }) => type);
    expect(said).toContain('logits');
    expect(said.indexOf('pong')).toBeLessThan(said.indexOf('logits'));
    puppet.session.close();
  });

  it('abandons a step for the next one, and ignores what still comes of it', async () => {
    const puppet = await new Puppet().load();
    await puppet.send(step(3), peerPartial(0, 3));
    const before = puppet.said.length;
    await puppet.send(step(4), peerPartial(1, 3), ...allSyncs(4));
    expect(puppet.said.slice(before).map((said) => 'id' in said && said.id)).toEqual([4, 4, 4, 4, 4]);
  });

  it('starts anew when it is configured again', async () => {
    const puppet = await new Puppet().load();
    await puppet.send(step(3), encodeControl(configure(2)));
    expect(puppet.session.state).toBe('loading');
    expect(puppet.said.at(-1)).toMatchObject({ type: 'wanted', configurationId: 2 });
  });

  it('declines what it cannot be, and stays', async () => {
    const puppet = await new Puppet({ createRank: fakeRanks({ maxTiles: 1 }) }).join();
    await puppet.send(encodeControl(configure()), encodeControl({ type: 'ping', id: 1 }));
    expect(puppet.said).toMatchObject([
      { type: 'declined', code: 'MEMORY_EXHAUSTED', configurationId: 1 },
      { type: 'pong' },
    ]);
    expect(puppet.session.state).toBe('declined');
  });

  it('gives up a rank that cannot read its tiles any more, for the next one', async () => {
    let broken = true;
    const onSync = (_: unknown, syncIndex: number): void => {
      if (broken && syncIndex === 1) throw new HearthError('TILE_UNREADABLE', 'gone');
    };
    const puppet = await new Puppet({ createRank: fakeRanks({ onSync }) }).load();
    // What follows the first sync was sent before anybody knew.
    await puppet.send(step(), ...allSyncs(), encodeControl({ type: 'release', slot: 0 }));
    expect(puppet.said.at(-1)).toMatchObject({
      type: 'declined',
      code: 'TILE_UNREADABLE',
      configurationId: 1,
    });
    broken = false;
    await puppet.send(encodeControl(configure(2)));
    expect(puppet.session.state).toBe('loading');
  });

  it('reports a step that fails, and is ready for the next', async () => {
    let broken = true;
    const onSync = (): void => {
      if (broken) throw new TypeError('a private detail');
    };
    const puppet = await new Puppet({ createRank: fakeRanks({ onSync }) }).load();
    await puppet.send(step(3), peerPartial(0, 3));
    expect(puppet.said.at(-1)).toEqual({
      type: 'stepFailed',
      stepId: 3,
      code: 'INTERNAL',
      message: 'an unexpected error',
      fields: {},
    });
    broken = false;
    await puppet.send(step(4), ...allSyncs(4));
    expect(puppet.said.at(-1)).toMatchObject({ type: 'logits', id: 4 });
  });
});

describe('a tile that comes too late', () => {
  const sound = async (configurationId: number, id = 0) =>
    encodeTile(configurationId, hashedTile(id, await model.cutTile(model.tiles[id]!)));

  it('since it came before is ignored', async () => {
    const puppet = await new Puppet().join();
    await puppet.send(encodeControl(configure()), await sound(1), await sound(1));
    expect(puppet.said.filter(({ type }) => type === 'loaded')).toHaveLength(1);
    const ready = await new Puppet().load();
    const before = ready.said.length;
    await ready.send(await sound(1), encodeControl({ type: 'ping', id: 1 }));
    expect(ready.said.slice(before)).toEqual([{ type: 'pong', id: 1 }]);
  });

  it('since it is for an older configuration is ignored', async () => {
    const puppet = await new Puppet().join();
    await puppet.send(encodeControl(configure(1)), encodeControl(configure(2)), await sound(1));
    expect(puppet.said.map(({ type }) => type)).toEqual(['wanted', 'wanted']);
    await puppet.send(await sound(2));
    expect(puppet.said.at(-1)).toMatchObject({ type: 'loaded', configurationId: 2, tileId: 0 });
  });
});

describe('what ends a session, and is reported', () => {
  const tile = model.tiles[1]!;
  const sound = encodeTile(1, hashedTile(tile.id, new Uint8Array(tile.byteLength)));
  const corrupt = Uint8Array.from(sound);
  corrupt[60]! ^= 1;
  const short = encodeTile(1, hashedTile(tile.id, new Uint8Array(8)));
  const stranger = encodeTile(1, hashedTile(9999, new Uint8Array(8)));
  const sum = encodePlanes(
    'sum',
    { stepId: 3, syncIndex: 0, first: 0, tokens: 1 },
    referenceCodec.allocatePlanes(32),
    referenceCodec,
  );
  const cases: ['join' | 'load', string, Uint8Array[], string][] = [
    ['join', 'a step without a configuration', [step()], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['join', 'a tile without a configuration', [sound], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    [
      'join',
      'a release without a configuration',
      [encodeControl({ type: 'release', slot: 0 })],
      'PROTOCOL_UNEXPECTED_MESSAGE',
    ],
    ['join', 'a corrupt tile', [encodeControl(configure()), corrupt], 'TILE_CORRUPT'],
    ['join', 'a tile nobody wants', [encodeControl(configure()), stranger], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    [
      'join',
      'a tile of a later configuration',
      [encodeControl(configure(0)), sound],
      'PROTOCOL_UNEXPECTED_MESSAGE',
    ],
    ['join', 'a step before the tiles', [encodeControl(configure()), step()], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['join', 'a tile of another length', [encodeControl(configure()), short], 'INTERNAL'],
    [
      'load',
      'a slot that is not there',
      [encodeControl({ type: 'release', slot: 4 })],
      'PROTOCOL_UNEXPECTED_MESSAGE',
    ],
    ['load', 'a partial without a step', [peerPartial(0)], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['load', 'the wrong sync', [step(), peerPartial(1)], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['load', 'a sum between two ranks', [step(), sum], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['load', 'a partial of a later step', [step(), peerPartial(0, 8)], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['load', 'a step that goes back', [step(3), step(3)], 'PROTOCOL_UNEXPECTED_MESSAGE'],
    [
      'load',
      'logits',
      [encodeFrame({ type: 'logits', flags: 1, index: 0, id: 3, rows: 0 })],
      'PROTOCOL_UNEXPECTED_MESSAGE',
    ],
    ['load', 'half a step', [step().subarray(0, 40)], 'FRAME_TRUNCATED'],
    [
      'load',
      'a partial of garbage',
      [
        step(),
        encodeFrame({ type: 'partial', flags: 0, index: 0, id: 3, rows: 1 }, new Uint8Array(9).fill(77)),
      ],
      'FRAME_MALFORMED',
    ],
  ];
  it.each(cases)('after its %s: %s', async (stage, _, frames, code) => {
    const clock = new FakeClock();
    const puppet = new Puppet({ clock });
    await puppet[stage]();
    await puppet.send(...frames);
    expect(await puppet.session.ended).toMatchObject({ joined: true, error: { code } });
    expect(puppet.said.at(-1)).toMatchObject({ type: 'error', code });
    expect(clock.timerCount).toBe(0);
  });

  it('what the coordinator reports is what the session ends with', async () => {
    const puppet = await new Puppet().join();
    await puppet.send(encodeControl({ type: 'error', code: 'SERVER_BUSY', message: 'no room', fields: {} }));
    expect(await puppet.session.ended).toMatchObject({ error: { code: 'SERVER_BUSY', message: 'no room' } });
  });
});

describe('whatever a coordinator sends', () => {
  it('a session goes on or ends with a HearthError: it never throws, hangs or leaks a timer', async () => {
    const sounds: Uint8Array[] = [
      ...samples.map(encodeControl),
      encodeControl(configure(7)),
      encodeControl(configure(8, 3)),
      ...(await Promise.all(
        model.tiles
          .slice(0, 4)
          .map(async (tile) => encodeTile(1, hashedTile(tile.id, await model.cutTile(tile)))),
      )),
      step(5),
      ...allSyncs(5),
      step(6),
    ];
    const frames = fc.array(
      fc.tuple(
        fc.nat(sounds.length - 1),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 2 }),
        fc.boolean(),
      ),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('join', 'load'), frames, async (stage, sequence) => {
        const clock = new FakeClock();
        const puppet = new Puppet({ clock });
        await puppet[stage]();
        for (const [which, changes, intact] of sequence) {
          const frame = Uint8Array.from(sounds[which]!);
          if (!intact) for (const [at, byte] of changes) frame[at % frame.length] = byte;
          puppet.hub.send(frame);
        }
        await settle();
        if (puppet.session.state !== 'closed') puppet.session.close();
        const end = await puppet.session.ended;
        expect(end.error?.name ?? 'HearthError').toBe('HearthError');
        expect(clock.timerCount).toBe(0);
      }),
      { numRuns: 150, seed: 12 },
    );
  });
});
