import { afterEach, describe, expect, it } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import { encodePlanes } from '../../runtime/collective/partial-frame.ts';
import { LogitPicker } from '../../runtime/decoder/logit-picker.ts';
import type { HearthError } from '../../runtime/error.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame } from '../../runtime/protocol/frame.ts';
import { encodeLogits } from '../../runtime/protocol/logits-frame.ts';
import {
  type Configure,
  type ControlMessage,
  type Prepare,
  protocolVersion,
} from '../../runtime/protocol/messages.ts';
import { encodeSpans } from '../../runtime/protocol/spans-frame.ts';
import { unknownHash } from '../../runtime/tile/tile-hash.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { fakeModel } from './fake-model.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { capabilities, joinDevice, testCluster } from './test-cluster.ts';

const clusters: Cluster[] = [];
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close();
});

const one: StepInput = { slot: 0, start: 0, count: 1, logits: 'last', tokens: [1] };

/** A device that has joined and says whatever the test says. */
class Puppet {
  readonly link: MemoryLink;
  /** What it was told last. */
  setup: Configure | Prepare | undefined;
  readonly #replies: (message: ControlMessage, tileId: number | undefined) => void;

  private constructor(
    link: MemoryLink,
    replies: (puppet: Puppet, message: ControlMessage) => void,
    loads: boolean,
  ) {
    this.link = link;
    this.#replies = (message) => replies(this, message);
    link.onFrame = (bytes) => {
      const frame = decodeFrame(bytes, defaultFrameLimits);
      if (frame.type === 'control') this.#hear(decodeControl(frame));
      else if (frame.type === 'tile' && loads) this.#load(frame.id);
    };
  }

  static async join(
    cluster: Cluster,
    clock: FakeClock,
    replies: (puppet: Puppet, message: ControlMessage) => void,
    loads = true,
  ): Promise<Puppet> {
    const [hub, link] = memoryLinkPair();
    const puppet = new Puppet(link, replies, loads);
    const admitted = admit(hub, { linkKind: 'websocket', clock });
    puppet.say({ type: 'join', protocolVersion, softwareVersion: '0.1.0', name: 'puppet', capabilities });
    cluster.add(await admitted);
    return puppet;
  }

  say(message: ControlMessage): void {
    this.link.send(encodeControl(message));
  }

  want(): void {
    const { configurationId, assignment } = this.setup!;
    this.say({ type: 'wanted', configurationId, tileIds: assignment.tileIds });
  }

  #hear(message: ControlMessage): void {
    if (message.type === 'configure' || message.type === 'prepare') this.setup = message;
    if (message.type === 'ping') this.say({ type: 'pong', id: message.id });
    this.#replies(message, undefined);
  }

  #load(tileId: number): void {
    const { configurationId, assignment } = this.setup!;
    this.say({ type: 'loaded', configurationId, tileId, tileHash: unknownHash });
    if (tileId === assignment.tileIds.at(-1)) this.say({ type: 'ready', configurationId });
  }
}

const noReply = (): void => {};
const wantAll = (puppet: Puppet, message: ControlMessage): void => {
  if (message.type === 'configure' || message.type === 'prepare') puppet.want();
};

/** Answers what may come before: a device need not be able to be prepared. */
const declinePreparing = (puppet: Puppet, message: ControlMessage): void => {
  if (message.type !== 'prepare') return;
  const { configurationId } = message;
  puppet.say({ type: 'declined', configurationId, code: 'CACHE_WRITE_FAILED', message: '', fields: {} });
};

function watchedCluster(minDevices: number): { clock: FakeClock; cluster: Cluster } {
  const clock = new FakeClock();
  const cluster = testCluster({ minDevices, clock, loadStallTimeoutMs: 2_000, stepStallTimeoutMs: 3_000 });
  clusters.push(cluster);
  return { clock, cluster };
}

/** A puppet that joins a cluster of an honest device; whatever it does, that one must be left to go on. */
async function puppetComesLater(replies: (puppet: Puppet, message: ControlMessage) => void) {
  const { clock, cluster } = watchedCluster(1);
  await joinDevice(cluster, 'honest', undefined, clock);
  await cluster.whenReady();
  await Puppet.join(cluster, clock, replies, false);
  await settle();
  return { clock, cluster };
}

/** A puppet as rank 0, an honest device as rank 1, ready for steps. */
async function puppetComesFirst() {
  const { clock, cluster } = watchedCluster(2);
  const puppet = await Puppet.join(cluster, clock, wantAll);
  await joinDevice(cluster, 'honest', undefined, clock);
  await cluster.whenReady();
  return { clock, cluster, puppet };
}

async function expectHonestGoesOn(cluster: Cluster): Promise<void> {
  await cluster.whenReady();
  expect(cluster.deviceStates()).toMatchObject([{ name: 'honest', state: 'ready', rank: 0 }]);
  expect(await cluster.step([one])).toHaveLength(1);
}

describe('while it loads, a device is let go when it', () => {
  const answers: [string, (puppet: Puppet) => void][] = [
    [
      'wants a tile that is not its own',
      (p) => p.say({ type: 'wanted', configurationId: p.setup!.configurationId, tileIds: [0, 5000] }),
    ],
    [
      'loads a tile that was not sent',
      (p) => {
        p.want();
        p.say({
          type: 'loaded',
          configurationId: p.setup!.configurationId,
          tileId: 99,
          tileHash: unknownHash,
        });
      },
    ],
    [
      'loads a tile of its own twice',
      (p) => {
        const { configurationId } = p.setup!;
        p.say({ type: 'wanted', configurationId, tileIds: [] });
        p.say({ type: 'loaded', configurationId, tileId: 1, tileHash: unknownHash });
        p.say({ type: 'loaded', configurationId, tileId: 1, tileHash: unknownHash });
      },
    ],
    [
      'is ready without the tiles that it has by itself',
      (p) => {
        const { configurationId } = p.setup!;
        p.say({ type: 'wanted', configurationId, tileIds: [] });
        p.say({ type: 'ready', configurationId });
      },
    ],
    ['is ready at once', (p) => p.say({ type: 'ready', configurationId: p.setup!.configurationId })],
    [
      'is ready without its tiles',
      (p) => {
        p.want();
        p.say({ type: 'ready', configurationId: p.setup!.configurationId });
      },
    ],
    [
      'wants twice',
      (p) => {
        p.want();
        p.want();
      },
    ],
    [
      'joins again',
      (p) =>
        p.say({
          type: 'join',
          protocolVersion,
          softwareVersion: '1',
          name: 'x',
          capabilities,
        }),
    ],
    ['configures the coordinator', (p) => p.say(p.setup!)],
    [
      'fails a step that has not begun',
      (p) => {
        p.want();
        p.say({ type: 'stepFailed', stepId: 5, code: 'INTERNAL', message: '', fields: {} });
      },
    ],
    [
      'sends a step',
      (p) => {
        p.want();
        p.link.send(encodeFrame({ type: 'step', flags: 0, index: 1, id: 4, rows: 1 }));
      },
    ],
    ['sends noise', (p) => p.link.send(new Uint8Array(50).fill(200))],
    [
      'reports an error',
      (p) => p.say({ type: 'error', code: 'TILE_CORRUPT', message: 'bad bytes', fields: {} }),
    ],
  ];
  it.each(answers)('%s', async (_, answer) => {
    const { cluster } = await puppetComesLater((puppet, message) => {
      declinePreparing(puppet, message);
      if (message.type === 'configure') answer(puppet);
    });
    await expectHonestGoesOn(cluster);
    expect(cluster.generation).toBeGreaterThan(1);
  });

  it.each([
    ['never answers its configuration', noReply],
    ['wants tiles and never loads them', wantAll],
  ])('%s', async (_, replies) => {
    const { cluster, clock } = await puppetComesLater((puppet, message) => {
      if (message.type === 'prepare') declinePreparing(puppet, message);
      else replies(puppet, message);
    });
    expect(cluster.state).toBe('loading');
    await clock.pass(2_500);
    await expectHonestGoesOn(cluster);
  });

  /** What a device that is no rank says of ranks is nobody's concern. */
  const harmless = /^is ready without the tiles that|^joins again|^fails a step|^sends a step/;
  it.each(answers.filter(([name]) => !harmless.test(name)))(
    '%s, already when it is prepared, and nobody is disturbed',
    async (_, answer) => {
      const { cluster } = await puppetComesLater((puppet, message) => {
        if (message.type === 'prepare') answer(puppet);
      });
      await expectHonestGoesOn(cluster);
      expect(cluster.generation).toBe(1);
    },
  );

  it.each([
    ['never answers its preparation', noReply],
    ['wants tiles to prepare and never keeps them', wantAll],
  ])('%s, and nobody is disturbed', async (_, replies) => {
    const { cluster, clock } = await puppetComesLater(replies);
    expect(cluster.state).toBe('ready');
    expect(await cluster.step([one])).toHaveLength(1);
    await clock.pass(2_500);
    await expectHonestGoesOn(cluster);
    expect(cluster.generation).toBe(1);
  });
});

describe('in a step, a device is let go when it', () => {
  const { config } = fakeModel().description;
  const planes = referenceCodec.allocatePlanes(config.hiddenSize);
  const point = { stepId: 0, syncIndex: 0, first: 0, tokens: 1 };
  const partial = (change: Partial<typeof point> = {}) =>
    encodePlanes('partial', { ...point, ...change }, planes, referenceCodec);
  const partials = [0, 1, 2, 3].map((syncIndex) => partial({ syncIndex }));
  const picker = new LogitPicker();
  const logits = (first: number, rows: number, stepId = 0) => [
    ...encodeLogits(
      stepId,
      [undefined],
      [{ firstVocabularyRow: first, vocabularyRows: rows, values: new Float32Array(rows) }],
      picker,
    ),
  ];
  const noSpans = { operations: new Uint8Array(), durationsUs: new Float32Array(), lost: 0 };
  const misdeeds: [string, Uint8Array[]][] = [
    ['sends a partial twice', [partial(), partial()]],
    ['sends another sync', [partial({ syncIndex: 1 })]],
    ['sends another number of tokens', [partial({ tokens: 2 })]],
    ['sends a later step', [partial({ stepId: 9 })]],
    ['sends a sum', [encodePlanes('sum', point, planes, referenceCodec)]],
    ['answers before the syncs', logits(0, 512)],
    ['answers with no logits', [...partials, ...encodeLogits(0, [undefined], [], picker)]],
    ['answers with other rows', [...partials, ...logits(100, 512)]],
    ['answers with too few rows', [...partials, ...logits(0, 100)]],
    ['tells of its time, unasked', [...encodeSpans(0, [noSpans])]],
    ['answers twice', [...partials, ...logits(0, 512), ...logits(0, 512)]],
  ];
  /** Those that the two greatest are wanted of. */
  const picks: [string, Uint8Array[]][] = [
    ['sends fewer of the greatest than are needed', [...partials, ...logits(0, 1)]],
    ['sends greatest ones that it does not hold', [...partials, ...logits(config.vocabSize - 2, 2)]],
  ];
  it.each([
    ...misdeeds.map(([name, frames]) => [name, frames, one] as const),
    ...picks.map(([name, frames]) => [name, frames, { ...one, best: 2 }] as const),
  ])('%s', async (_, frames, step) => {
    const { cluster, puppet, clock } = await puppetComesFirst();
    const rows = cluster.step([step]).catch((error: HearthError) => error);
    for (const frame of frames) {
      await settle();
      puppet.link.send(frame);
    }
    await clock.pass(200);
    const outcome = await rows;
    // An answer twice over comes when the first was taken already: then only the device is lost.
    if (!Array.isArray(outcome))
      expect(outcome).toMatchObject({ code: 'DEVICE_LOST', fields: { device: 'puppet' } });
    await expectHonestGoesOn(cluster);
  });

  it('does nothing', async () => {
    const { cluster, clock } = await puppetComesFirst();
    const rows = cluster.step([one]).catch((error: HearthError) => error);
    await clock.pass(5_000);
    expect(await rows).toMatchObject({ code: 'DEVICE_LOST', fields: { device: 'puppet' } });
    await expectHonestGoesOn(cluster);
  });
});
