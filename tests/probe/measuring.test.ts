import { describe, expect, onTestFinished, test } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Measuring } from '../../coordinator/probe/measuring.ts';
import { type MeasureDevice, unknownRates } from '../../device-agent/probe/measure.ts';
import { Session } from '../../device-agent/session.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { FakeClock, settle } from '../cluster/fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from '../cluster/memory-link.ts';
import { sessionOptions, testCluster } from '../cluster/test-cluster.ts';
import { framesOf, messagesOf } from '../cluster/test-house.ts';

const rates = (syncMs: number): DeviceRates => ({
  kernels: { Q8_0: { decodeBytesPerSecond: 1e10, prefillFlopsPerSecond: 1e11 } },
  attentionBytesPerSecond: 5e9,
  diskBytesPerSecond: 1e9,
  syncMs,
});

const step = [{ slot: 0, start: 0, count: 1, tokens: [3], logits: 'last' }] as const;

interface Device {
  readonly hub: MemoryLink;
  readonly link: MemoryLink;
  readonly member: Member;
  readonly joined: Promise<void>;
}

function house() {
  const clock = new FakeClock();
  const cluster = testCluster({ clock });
  let changed = 0;
  const measuring = new Measuring({
    request: { formats: ['Q8_0'], kvFormat: 'f16' },
    quiet: cluster.quiet,
    clock,
    linkPeriodMs: 60_000,
    add: (member) => cluster.add(member),
    onChanged: () => {
      changed += 1;
    },
  });
  onTestFinished(() => {
    measuring.close();
    cluster.close();
  });
  /** @param pongMs that its answers to pings take */
  const enter = async (name: string, measure?: MeasureDevice, pongMs = 0): Promise<Device> => {
    const [hub, link] = memoryLinkPair();
    new Session(link, sessionOptions(name, { clock, ...(measure && { measure }) }));
    const member = await admit(hub, { linkKind: 'websocket', clock });
    if (pongMs > 0) delayPongs(link, clock, pongMs);
    const joined = measuring.join(member);
    await settle();
    return { hub, link, member, joined };
  };
  const names = () => cluster.deviceStates().map(({ name }) => name);
  return { clock, cluster, enter, names, changes: () => changed };
}

/** The device's end says pongs later. */
function delayPongs(link: MemoryLink, clock: FakeClock, milliseconds: number): void {
  const { send } = link;
  link.send = (frame) => {
    const [message] = messagesOf({ ...link, sent: [frame] });
    if (message?.type !== 'pong') return send(frame);
    const stop = clock.every(milliseconds, () => {
      stop();
      send(frame);
    });
  };
}

const burstCount = (link: MemoryLink) => messagesOf(link).filter(({ type }) => type === 'burst').length;
const probeCount = (link: MemoryLink) =>
  messagesOf(link).filter(({ type }) => /^(burst|measure)/.test(type)).length;

describe('a device that joins', () => {
  test('is measured before it is taken in, and shown with what was found', async () => {
    const { cluster, enter, names } = house();
    const { joined, hub } = await enter('a', async () => rates(0.25));
    await joined;
    expect(names()).toEqual(['a']);
    const [state] = cluster.deviceStates();
    expect(state!.profile).toMatchObject({ name: 'a', threads: 1, memoryBytes: 2 ** 30, ...rates(0.25) });
    expect(state!.profile!.link!.downBytesPerSecond).toBeGreaterThan(0);
    const said = messagesOf(hub).map(({ type }) => type);
    // The link first, and all of it before there is a rank.
    expect(said.lastIndexOf('burstWanted')).toBeLessThan(said.indexOf('measure'));
    expect(said.indexOf('configure')).toBeGreaterThan(said.indexOf('measure'));
  });

  test('keeps its turn, however long another one takes', async () => {
    const { enter, names } = house();
    let tell = (_: DeviceRates): void => {};
    await enter('slow', () => new Promise((resolve) => (tell = resolve)));
    await enter('fast', async () => rates(1));
    expect(names()).toEqual([]);
    tell(rates(2));
    await settle();
    expect(names()).toEqual(['slow', 'fast']);
  });

  test('is taken in if it does not answer, and counts with what it says later', async () => {
    const { clock, cluster, enter, names } = house();
    let tell = (_: DeviceRates): void => {};
    await enter('slow', () => new Promise((resolve) => (tell = resolve)));
    await clock.pass(3_500);
    expect(names()).toEqual([]);
    await clock.pass(1_000);
    expect(names()).toEqual(['slow']);
    expect(cluster.deviceStates()[0]!.profile).toBeUndefined();
    tell(rates(2));
    await settle();
    // It was told to be a rank meanwhile, which ends the measuring.
    expect(cluster.deviceStates()[0]!.profile).toMatchObject({ syncMs: expect.any(Number) });
  });

  test('is measured where there is always a step', async () => {
    const { clock, cluster, enter } = house();
    void cluster.quiet.breakFor(() => new Promise(() => {}));
    const { joined } = await enter('a', async () => rates(0.25), 20);
    for (let i = 0; i < 20; i += 1) {
      void cluster.quiet.breakFor(async () => {});
      await clock.pass(100);
    }
    await joined;
    expect(cluster.deviceStates()[0]!.profile!.link!.rttMs).toBeGreaterThanOrEqual(20);
  });

  test('is measured once, however slow its link is', async () => {
    const { clock, cluster, enter } = house();
    const { hub, joined } = await enter('a', async () => rates(1), 200);
    await clock.pass(3_950);
    await joined;
    const pings = messagesOf(hub).filter((message) => message.type === 'ping' && message.id > 0);
    expect(pings.map((message) => message.type === 'ping' && message.id)).toEqual(pings.map((_, i) => i + 1));
    expect(cluster.deviceStates()[0]!.profile!.link!.rttMs).toBeGreaterThanOrEqual(200);
  });

  test('has the link that it had if it was here before, until that is measured again', async () => {
    const { clock, cluster, enter } = house();
    const first = await enter('a', async () => rates(1), 20);
    await clock.pass(2_000);
    await first.joined;
    first.link.cut();
    await settle();
    const again = await enter('a', async () => rates(2));
    await again.joined;
    expect(burstCount(again.hub)).toBe(0);
    const link = () => cluster.deviceStates()[0]!.profile!.link!;
    expect(link().rttMs).toBeGreaterThanOrEqual(20);
    await clock.pass(9_000);
    expect(burstCount(again.hub)).toBe(0);
    await clock.pass(3_000);
    expect(burstCount(again.hub)).toBeGreaterThan(0);
    expect(link().rttMs).toBeLessThan(20);
  });

  test('is forgotten if it leaves before', async () => {
    const { enter, names, clock } = house();
    const { link, joined } = await enter('slow', () => new Promise(() => {}));
    link.cut();
    await joined;
    await clock.pass(500);
    expect(names()).toEqual([]);
  });
});

describe('steps', () => {
  test('are not held up by a link that is measured', async () => {
    const { clock, cluster, enter } = house();
    const { hub, link, joined } = await enter('a', async () => rates(1));
    await joined;
    await cluster.whenReady();
    // The next measurement stands still in the middle of a burst: from its pings on the link takes nothing.
    const pings = () => messagesOf(hub).filter((message) => message.type === 'ping' && message.id > 0).length;
    const before = pings();
    const { send } = hub;
    hub.send = (frame) => {
      send(frame);
      if (pings() > before) hub.backlogBytes = 1e9;
    };
    for (let second = 0; pings() < before + 8 && second < 70; second += 1) await clock.pass(1_000);
    expect(pings()).toBe(before + 8);
    hub.send = send;
    hub.backlogBytes = 0;
    hub.sent.length = 0;
    link.sent.length = 0;

    const rows = cluster.step(step);
    await settle();
    expect((await rows).length).toBe(1);
    await clock.pass(1_500);
    const frames = framesOf(hub).map(({ type }) => type);
    expect(frames[0]).toBe('step');
    expect([probeCount(hub), probeCount(link)]).toEqual([0, 0]);

    // Nobody wants anything: now it is measured, since it was not.
    await clock.pass(3_000);
    expect(burstCount(hub)).toBeGreaterThan(0);
    expect(burstCount(link)).toBeGreaterThan(0);
  });

  test('that run one after another leave no time for measuring', async () => {
    const { clock, cluster, enter } = house();
    const { hub, joined } = await enter('a', async () => rates(1));
    await joined;
    await cluster.whenReady();
    hub.sent.length = 0;
    for (let second = 0; second < 80; second += 1) {
      await cluster.step(step);
      await clock.pass(1_000);
    }
    expect(probeCount(hub)).toBe(0);
  });

  test('that are slower or faster than before have the device measured anew, when it is quiet', async () => {
    const { clock, cluster, enter } = house();
    let measured = 0;
    const fresh: boolean[] = [];
    const { member, joined } = await enter('a', async (request) => {
      fresh.push(request.fresh);
      measured += 1;
      return rates(measured);
    });
    await joined;
    await cluster.whenReady();
    const note = (milliseconds: number) => {
      for (let i = 0; i < 200; i += 1) {
        const time = { milliseconds, sequences: 1, tokens: 1, positions: 0 };
        member.probe.drift.note(time, clock.nowMs() + i * milliseconds);
      }
    };
    note(50);
    note(100);
    expect(cluster.deviceStates()[0]!.drift).toBeCloseTo(0.5);
    await cluster.step(step);
    await clock.pass(1_000);
    expect(fresh).toEqual([false]);
    await clock.pass(3_000);
    expect(fresh).toEqual([false, true]);
    expect(cluster.deviceStates()[0]).toMatchObject({ profile: { syncMs: 2 }, drift: undefined });
  });
});

test('a device that became slower counts as slow while steps go on, and whoever plans hears of it', async () => {
  const { clock, cluster, enter, changes } = house();
  const { member, joined } = await enter('a', async () => rates(1));
  await joined;
  await cluster.whenReady();
  const before = changes();
  const held = cluster.quiet.breakFor(() => new Promise<void>((resolve) => setTimeout(resolve, 200)));
  for (const milliseconds of [50, 100])
    for (let i = 0; i < 200; i += 1) {
      const time = { milliseconds, sequences: 1, tokens: 1, positions: 0 };
      member.probe.drift.note(time, clock.nowMs() + i * milliseconds);
    }
  await clock.pass(1_000);
  expect(cluster.deviceStates()[0]!.profile!.kernels.Q8_0).toEqual({
    decodeBytesPerSecond: expect.closeTo(5e9),
    prefillFlopsPerSecond: expect.closeTo(5e10),
  });
  expect(cluster.deviceStates()[0]!.drift).toBeUndefined();
  expect(changes()).toBe(before + 1);
  await held;
});

test.each([
  ['a burst', { type: 'burst', id: 99, bytes: new Uint8Array(65_536) }],
  ['rates', { type: 'measured', ...unknownRates }],
] as const)('a device that sends %s that nobody asked for is let go', async (_, message) => {
  const { enter, names } = house();
  const { link, joined } = await enter('a', async () => rates(1));
  await joined;
  expect(names()).toEqual(['a']);
  link.send(encodeControl(message));
  await settle();
  expect(names()).toEqual([]);
});
