import { afterEach, describe, expect, it } from 'vitest';
import { arrangeAll } from '../../coordinator/cluster/arrangement.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { ClusterState } from '../../coordinator/cluster/cluster-options.ts';
import { tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import { HearthError } from '../../runtime/error.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { settle } from './fake-clock.ts';
import { fakeMemory, fakeRanks } from './fake-rank.ts';
import { joinDevice, testCluster } from './test-cluster.ts';

const clusters: Cluster[] = [];
const started = (options: Parameters<typeof testCluster>[0] = {}): Cluster => {
  const cluster = testCluster(options);
  clusters.push(cluster);
  return cluster;
};
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close();
});

/** Steps that use two slots, chunks, every kind of logits, a release and a step back. */
const script: (readonly StepInput[] | { readonly release: number })[] = [
  [{ slot: 0, start: 0, count: 5, logits: 'none', tokens: [1, 2, 3, 4, 5] }],
  [
    { slot: 0, start: 5, count: 1, logits: 'last', tokens: [6] },
    { slot: 2, start: 0, count: 3, logits: 'all', tokens: [7, 8, 9] },
  ],
  [{ slot: 0, start: 3, count: 2, logits: 'last', tokens: [90, 91] }],
  { release: 2 },
  [{ slot: 2, start: 0, count: 1, logits: 'last', tokens: [11] }],
];

async function play(cluster: Cluster): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (const action of script) {
    if ('release' in action) cluster.release(action.release);
    else rows.push(...(await cluster.step(action)));
  }
  return rows;
}

async function soloRows(): Promise<Float32Array[]> {
  const cluster = started();
  await joinDevice(cluster, 'solo');
  return play(cluster);
}

describe('a cluster', () => {
  it.each([2, 3, 4, 5])('of %i devices gives the same rows as one', async (devices) => {
    const cluster = started({ minDevices: devices });
    for (let i = 0; i < devices; i += 1) await joinDevice(cluster, `device ${i}`);
    const rows = await play(cluster);
    const expected = await soloRows();
    expect(rows).toHaveLength(6);
    expect(new Set(expected.flatMap((row) => [...row])).size).toBeGreaterThan(1000);
    expect(rows).toEqual(expected);
  });

  it('gives uneven parts by shares, and lets those beyond them stand by', async () => {
    const cluster = started({ shares: [3, 1], minDevices: 2 });
    for (const name of ['large', 'small', 'spare']) await joinDevice(cluster, name);
    expect(await play(cluster)).toEqual(await soloRows());
    const [large, small, spare] = cluster.deviceStates();
    expect(large).toMatchObject({ name: 'large', state: 'ready', rank: 0, link: 'websocket' });
    expect(small).toMatchObject({ name: 'small', state: 'ready', rank: 1 });
    expect(spare).toMatchObject({ name: 'spare', state: 'stand-by', rank: undefined, tiles: 0 });
    expect(large!.tileBytes).toBeGreaterThan(2 * small!.tileBytes);
    expect(large!.loadedTiles).toBe(large!.tiles);
    expect([large!.memory, spare!.memory]).toMatchObject([fakeMemory, undefined]);
  });

  it('reports its states and its progress', async () => {
    const states: ClusterState[] = [];
    const progress: number[] = [];
    const cluster = started({
      onState: (state) => states.push(state),
      onProgress: ({ loadedTiles, tiles }) => progress.push(loadedTiles / tiles),
    });
    expect(cluster.state).toBe('waiting');
    await joinDevice(cluster, 'one');
    await cluster.whenReady();
    cluster.close();
    expect(states).toEqual(['loading', 'ready', 'closed']);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it('says that there are no devices, in time', async () => {
    const cluster = started({ deviceWaitMs: 30, minDevices: 2 });
    await joinDevice(cluster, 'alone');
    await expect(cluster.step(script[0] as StepInput[])).rejects.toMatchObject({ code: 'PLAN_NO_DEVICES' });
    await expect(cluster.whenReady()).rejects.toThrow(/1 more devices must join/);
  });

  it('lets a step wait for the first device', async () => {
    const cluster = started();
    const rows = cluster.step([{ slot: 0, start: 0, count: 1, logits: 'last', tokens: [3] }]);
    await joinDevice(cluster, 'late');
    expect(await rows).toHaveLength(1);
  });

  it('fails what waits when it is closed', async () => {
    const cluster = started();
    const rows = cluster.step([{ slot: 0, start: 0, count: 1, logits: 'last', tokens: [3] }]);
    await settle();
    cluster.close();
    await expect(rows).rejects.toMatchObject({ code: 'PLAN_NO_DEVICES' });
    await expect(cluster.whenReady()).rejects.toThrow(/closed/);
  });
});

describe('a device that leaves', () => {
  it.each([0, 1, 2])(
    'in the middle of a step (rank %i) fails that step, and the rest go on',
    async (victim) => {
      const cluster = started({ minDevices: 3 });
      const leave = { now: () => {} };
      let armed = false;
      const faulty = fakeRanks({
        onSync: (_, syncIndex) => {
          if (armed && syncIndex === 2) leave.now();
        },
      });
      let resets = 0;
      for (let i = 0; i < 3; i += 1) {
        const device = await joinDevice(cluster, `device ${i}`, i === victim ? faulty : fakeRanks());
        if (i === victim) leave.now = () => device.link.cut();
      }
      await cluster.whenReady();
      const { generation } = cluster;
      armed = true;
      await expect(play(cluster)).rejects.toMatchObject({
        code: 'DEVICE_LOST',
        fields: { device: `device ${victim}` },
      });
      await expect(
        cluster.step([{ slot: 0, start: 5, count: 1, logits: 'last', tokens: [6] }]),
      ).rejects.toMatchObject({ code: 'CACHE_LOST' });
      resets = cluster.generation - generation;
      expect(resets).toBe(1);
      expect(await play(cluster)).toEqual(await soloRows());
      expect(cluster.deviceStates().map(({ name }) => name)).not.toContain(`device ${victim}`);
    },
  );

  it('does not make answers wait until it is decided who computes what without it', async () => {
    let decides = true;
    const forever = new Promise<never>(() => {});
    const all = arrangeAll(tensorLayout(2));
    const cluster = started({
      minDevices: 3,
      arrange: (seats, present) => (decides ? all(seats, present) : forever),
      stopgap: ({ seats }, here) => {
        const staying = seats.filter((seat) => here.includes(seat));
        return { seats: staying, layout: tensorLayout(2)(staying) };
      },
    });
    const devices = [];
    for (let i = 0; i < 3; i += 1) devices.push(await joinDevice(cluster, `device ${i}`));
    await cluster.whenReady();
    decides = false;
    devices[1]!.link.cut();
    await settle();
    expect(await play(cluster)).toEqual(await soloRows());
    expect(cluster.deviceStates().map(({ state }) => state)).toEqual(['ready', 'ready']);
  });

  it('while it loads is left out', async () => {
    const cluster = started({ minDevices: 2, tileWindowBytes: 1 });
    const stay = await joinDevice(cluster, 'stays');
    const leave = await joinDevice(cluster, 'leaves');
    const { hubLink } = leave;
    while (hubLink.sent.length < 6) await settle();
    leave.link.cut();
    await cluster.whenReady();
    expect(await play(cluster)).toEqual(await soloRows());
    expect(stay.session.state).toBe('ready');
  });

  it('leaves the last one, and answers go on when another comes', async () => {
    const cluster = started();
    const first = await joinDevice(cluster, 'first');
    await play(cluster);
    first.session.close();
    await settle();
    expect(cluster.state).toBe('waiting');
    expect(cluster.deviceStates()).toEqual([]);
    const rows = play(cluster);
    await joinDevice(cluster, 'second');
    expect(await rows).toEqual(await soloRows());
  });
});

describe('a device that joins later', () => {
  it('gets its part between two steps; what builds on lost positions is refused', async () => {
    let resets = 0;
    const cluster = started({ onReset: () => (resets += 1) });
    await joinDevice(cluster, 'first');
    await cluster.step(script[0] as StepInput[]);
    expect(resets).toBe(1);
    const running = cluster.step([{ slot: 0, start: 5, count: 1, logits: 'last', tokens: [6] }]);
    const joining = joinDevice(cluster, 'second');
    expect(await running).toHaveLength(1);
    await joining;
    await cluster.whenReady();
    expect(resets).toBe(2);
    await expect(
      cluster.step([{ slot: 0, start: 6, count: 1, logits: 'last', tokens: [6] }]),
    ).rejects.toMatchObject({ code: 'CACHE_LOST' });
    expect(await play(cluster)).toEqual(await soloRows());
    expect(cluster.deviceStates().map(({ rank }) => rank)).toEqual([0, 1]);
  });

  it('takes the place of one that left, with its share', async () => {
    const cluster = started({ shares: [1, 4], minDevices: 2 });
    const small = await joinDevice(cluster, 'small');
    await joinDevice(cluster, 'large');
    await play(cluster);
    small.link.cut();
    await settle();
    await joinDevice(cluster, 'other small');
    await cluster.whenReady();
    const [first, second] = cluster.deviceStates();
    expect(first).toMatchObject({ name: 'other small', rank: 0 });
    expect(second!.tileBytes).toBeGreaterThan(first!.tileBytes);
    expect(await play(cluster)).toEqual(await soloRows());
  });
});

describe('a device that cannot hold its part', () => {
  it('stands by while another does', async () => {
    const cluster = started({ minDevices: 2 });
    await joinDevice(cluster, 'tiny', fakeRanks({ maxTiles: 2 }));
    await joinDevice(cluster, 'able');
    expect(await play(cluster)).toEqual(await soloRows());
    expect(cluster.deviceStates()[0]).toMatchObject({
      state: 'declined',
      reason: 'too many tiles for this fake',
    });
  });

  it('is asked again when more devices share the load', async () => {
    const cluster = started({ deviceWaitMs: 50 });
    await joinDevice(cluster, 'half', fakeRanks({ maxTiles: 12 }));
    await expect(cluster.whenReady()).rejects.toThrow(/"half" said: too many tiles/);
    await joinDevice(cluster, 'other half', fakeRanks({ maxTiles: 12 }));
    await cluster.whenReady();
    expect(cluster.deviceStates().map(({ state }) => state)).toEqual(['ready', 'ready']);
  });
});

describe('a device that cannot read its tiles any more', () => {
  it.each([1, 2, 3])('is given them again, of %i', async (devices) => {
    const cluster = started({ minDevices: devices });
    let armed = true;
    const onSync = (_: unknown, syncIndex: number): void => {
      if (armed && syncIndex === 1) throw new HearthError('TILE_UNREADABLE', 'gone');
    };
    for (let i = 0; i < devices; i += 1)
      await joinDevice(cluster, `device ${i}`, i === 0 ? fakeRanks({ onSync }) : fakeRanks());
    await expect(play(cluster)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    armed = false;
    expect(await play(cluster)).toEqual(await soloRows());
    expect(cluster.deviceStates().map(({ state }) => state)).toEqual(new Array(devices).fill('ready'));
  });
});

describe('a step that fails on a rank', () => {
  it.each([1, 2, 3])('fails alone, of %i ranks', async (devices) => {
    const cluster = started({ minDevices: devices });
    let armed = false;
    const onSync = (_: unknown, syncIndex: number): void => {
      if (armed && syncIndex === 1) throw new HearthError('FIXED_POINT_OVERFLOW', 'too large', { layer: 0 });
    };
    for (let i = 0; i < devices; i += 1) {
      await joinDevice(cluster, `device ${i}`, i === 0 ? fakeRanks({ onSync }) : fakeRanks());
    }
    await cluster.step(script[0] as StepInput[]);
    const { generation } = cluster;
    armed = true;
    const next: StepInput = { slot: 0, start: 5, count: 1, logits: 'last', tokens: [6] };
    await expect(cluster.step([next])).rejects.toMatchObject({
      code: 'FIXED_POINT_OVERFLOW',
      fields: { layer: 0 },
    });
    armed = false;
    // Nothing before the step is lost: it can be tried again.
    const solo = started();
    await joinDevice(solo, 'solo');
    await solo.step(script[0] as StepInput[]);
    expect(await cluster.step([next])).toEqual(await solo.step([next]));
    expect(cluster.generation).toBe(generation);
  });
});
