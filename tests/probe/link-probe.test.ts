import { describe, expect, test } from 'vitest';
import { LinkProbe } from '../../coordinator/probe/link-probe.ts';
import { RoundTrips } from '../../coordinator/probe/round-trips.ts';
import { maxBurstBytes } from '../../runtime/protocol/probe-messages.ts';
import { SimulatedWay, Simulation, simulatedDevice } from './simulated-link.ts';

interface Shape {
  readonly downBytesPerSecond: number;
  readonly upBytesPerSecond: number;
  readonly delayMs: number;
}

function linkOf({ downBytesPerSecond, upBytesPerSecond, delayMs }: Shape) {
  const clock = new Simulation();
  const down = new SimulatedWay(clock, downBytesPerSecond, delayMs);
  const up = new SimulatedWay(clock, upBytesPerSecond, delayMs);
  const device = simulatedDevice(down, up);
  const probe = new LinkProbe(down.end);
  up.deliver = (message) => {
    if (message.type === 'pong') probe.pong(message);
    if (message.type === 'burst') probe.burst(message);
  };
  const burstBytes = (way: SimulatedWay) =>
    way.sent.reduce((sum, { message }) => sum + (message.type === 'burst' ? message.bytes.length : 0), 0);
  return { clock, down, up, device, probe, burstBytes };
}

describe('a link is measured', () => {
  test.each<[string, Shape]>([
    ['wifi', { downBytesPerSecond: 12e6, upBytesPerSecond: 4e6, delayMs: 2 }],
    ['cable', { downBytesPerSecond: 117e6, upBytesPerSecond: 117e6, delayMs: 0.15 }],
    ['a slow phone', { downBytesPerSecond: 3e5, upBytesPerSecond: 1e5, delayMs: 20 }],
    ['a better cable', { downBytesPerSecond: 2e8, upBytesPerSecond: 2e8, delayMs: 0.05 }],
  ])('%s', async (_, shape) => {
    const { clock, probe, burstBytes, down, up } = linkOf(shape);
    const measured = probe.measure();
    await clock.run(10_000);
    expect(await measured).toBe(true);
    const { rttMs, rttP95Ms, downBytesPerSecond, upBytesPerSecond } = probe.profile!;
    // The messages themselves take their time, too.
    expect(rttMs).toBeGreaterThanOrEqual(2 * shape.delayMs);
    expect(rttMs).toBeLessThan(2 * shape.delayMs + 0.6);
    expect(rttP95Ms).toBeGreaterThanOrEqual(rttMs);
    expect(downBytesPerSecond / shape.downBytesPerSecond).toBeCloseTo(1, 1);
    expect(upBytesPerSecond / shape.upBytesPerSecond).toBeCloseTo(1, 1);
    // Bounded in bytes, and in time: the bursts before the last two double.
    for (const [way, rate] of [
      [down, shape.downBytesPerSecond],
      [up, shape.upBytesPerSecond],
    ] as const) {
      const bytes = burstBytes(way);
      expect(bytes).toBeLessThan(3 * maxBurstBytes);
      expect((1000 * bytes) / rate).toBeLessThan(
        Math.max((3 * 65.536e6) / rate, 6 * Math.max(30, 7 * shape.delayMs)),
      );
    }
  });

  test('again, and is another one then', async () => {
    const { clock, probe, down } = linkOf({ downBytesPerSecond: 1e7, upBytesPerSecond: 1e7, delayMs: 1 });
    void probe.measure();
    await clock.run(5_000);
    down.bytesPerSecond = 2e6;
    void probe.measure();
    await clock.run(10_000);
    expect(probe.profile!.downBytesPerSecond / 2e6).toBeCloseTo(1, 1);
    expect(probe.profile!.upBytesPerSecond / 1e7).toBeCloseTo(1, 1);
  });
});

test('what holds up a single burst does not make a link slow', async () => {
  const { clock, probe, down } = linkOf({ downBytesPerSecond: 2e7, upBytesPerSecond: 2e7, delayMs: 1 });
  const { deliver } = down;
  let heldUp = false;
  down.deliver = (message) => {
    if (message.type !== 'burst' || heldUp) return deliver(message);
    heldUp = true;
    down.bytesPerSecond = 5e5;
    clock.at(clock.nowMs() + 60, () => {
      down.bytesPerSecond = 2e7;
    });
  };
  void probe.measure();
  await clock.run(10_000);
  expect(heldUp).toBe(true);
  expect(probe.profile!.downBytesPerSecond / 2e7).toBeCloseTo(1, 1);
});

describe('a measurement that yields', () => {
  test.each([1, 5, 12, 20, 30, 50, 70])(
    'after %i ms sends nothing more, and counts for nothing',
    async (afterMs) => {
      const { clock, probe, down, up, device } = linkOf({
        downBytesPerSecond: 12e6,
        upBytesPerSecond: 12e6,
        delayMs: 1,
      });
      const measured = probe.measure();
      await clock.run(afterMs);
      probe.yield();
      // The step that comes in its place.
      const sent = down.sent.length;
      clock.at(clock.nowMs() + 1, () => device.yield());
      await clock.run(afterMs + 1);
      const answered = up.sent.filter(({ message }) => message.type === 'burst').length;
      await clock.run(5_000);
      expect(await measured).toBe(false);
      expect(probe.profile).toBeUndefined();
      expect(down.sent).toHaveLength(sent);
      expect(up.sent.filter(({ message }) => message.type === 'burst')).toHaveLength(answered);

      const again = probe.measure();
      await clock.run(10_000);
      expect(await again).toBe(true);
      expect(probe.profile!.upBytesPerSecond / 12e6).toBeCloseTo(1, 1);
    },
  );

  test('keeps what was measured before', async () => {
    const { clock, probe } = linkOf({ downBytesPerSecond: 1e7, upBytesPerSecond: 1e7, delayMs: 1 });
    void probe.measure();
    await clock.run(5_000);
    const before = probe.profile;
    void probe.measure();
    await clock.run(5_020);
    probe.yield();
    await clock.run(9_000);
    expect(probe.profile).toBe(before);
  });
});

describe('a device that floods', () => {
  const flood = (bytes: number, id: number) => ({ type: 'burst', id, bytes: new Uint8Array(bytes) }) as const;

  test('though nobody asked is refused', () => {
    const { probe } = linkOf({ downBytesPerSecond: 1e7, upBytesPerSecond: 1e7, delayMs: 1 });
    expect(() => probe.burst(flood(1, 0))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_UNEXPECTED_MESSAGE' }),
    );
  });

  test.each<[string, (id: number) => ReturnType<typeof flood>[]]>([
    ['with more than was asked for', (id) => [flood(65_000, id), flood(537, id)]],
    ['with another id', (id) => [flood(1, id + 1)]],
    ['with nothing, again and again', (id) => [flood(0, id)]],
  ])('%s is refused', async (_, burstsOf) => {
    const { clock, probe, down } = linkOf({ downBytesPerSecond: 1e7, upBytesPerSecond: 1e7, delayMs: 1 });
    let asked: number | undefined;
    const deliver = down.deliver;
    down.deliver = (message) => {
      if (message.type === 'burstWanted') asked = message.id;
      else deliver(message);
    };
    void probe.measure();
    await clock.run(1_000);
    const bursts = burstsOf(asked!);
    const send = (): void => {
      for (const burst of bursts) probe.burst(burst);
    };
    expect(send).toThrow(expect.objectContaining({ code: 'PROTOCOL_UNEXPECTED_MESSAGE' }));
  });

  test('late pieces of what was given up are none', async () => {
    const { clock, probe, down } = linkOf({ downBytesPerSecond: 1e7, upBytesPerSecond: 1e7, delayMs: 1 });
    let asked = 0;
    const deliver = down.deliver;
    down.deliver = (message) => {
      if (message.type === 'burstWanted') asked = message.id;
      else deliver(message);
    };
    void probe.measure();
    await clock.run(1_000);
    probe.yield();
    probe.burst(flood(65_536, asked));
    expect(() => probe.burst(flood(1, asked))).toThrow();
  });
});

test('round trips are told by their median and by all but one in twenty, of the last ones', () => {
  const trips = new RoundTrips();
  expect([trips.medianMs, trips.p95Ms]).toEqual([0, 0]);
  for (let i = 0; i < 50; i += 1) trips.add(1000);
  for (let i = 40; i >= 1; i -= 1) trips.add(i);
  expect([trips.medianMs, trips.p95Ms]).toEqual([20, 38]);
  const few = new RoundTrips();
  for (const ms of [2, 900, 1, 3, 4]) few.add(ms);
  expect([few.medianMs, few.p95Ms]).toEqual([3, 4]);
});
