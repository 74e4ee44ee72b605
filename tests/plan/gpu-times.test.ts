import { describe, expect, test } from 'vitest';
import { DeviceTimes } from '../../runtime/plan/device-times.ts';
import { planCluster } from '../../runtime/plan/planner.ts';
import { problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile, GpuProfile } from '../../runtime/plan/profiles.ts';
import { type ModelWork, modelWork } from '../../runtime/plan/workload.ts';
import { sparseShape } from '../support/sparse-description.ts';
import { device, link, planOptions, smallModel } from '../support/plan.ts';

const work = modelWork(smallModel(), planOptions);
/** FFN tiles of a layer. */
const tiles = 22;
const [attention, ffn] = [0, 1];

/** Two and a half times as fast as the laptop's processor with one token, slower with a prompt. */
const gpu: GpuProfile = {
  name: 'GPU',
  memoryBytes: 8e9,
  syncMs: 0.1,
  kernels: { Q4_0: { decodeBytesPerSecond: 50e9, prefillFlopsPerSecond: 10e9 } },
};
const timesOf = (given?: Partial<GpuProfile>, profile: Partial<DeviceProfile> = {}) =>
  new DeviceTimes(work, device({ ...(given && { gpu: { ...gpu, ...given } }), ...profile }));
const plain = timesOf();

describe('a device with a GPU', () => {
  test('lends it what a step is worth', () => {
    const times = timesOf({});
    const lent = times.gpuTiles(ffn, tiles, 1);
    expect(lent).toBeGreaterThan(tiles / 2);
    expect(lent).toBeLessThan(tiles);
    expect(times.gpuTiles(ffn, tiles, 64)).toBe(0);
    expect(times.gpuTiles(attention, 4, 1)).toBe(0);
    const fast = timesOf({ kernels: { Q4_0: { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 2e12 } } });
    expect(fast.gpuTiles(ffn, tiles, 1)).toBe(0);
    expect(fast.gpuTiles(ffn, tiles, 64)).toBeGreaterThan(tiles / 2);
  });

  test('is as much faster as that makes it, where tiles stay in memory', () => {
    const times = timesOf({});
    const speedUp = plain.sublayerMs(ffn, tiles, 1, 0) / times.sublayerMs(ffn, tiles, 1, 0);
    expect(speedUp).toBeGreaterThan(2);
    expect(speedUp).toBeLessThan(3.5);
    for (const [sublayer, tokens, streams] of [
      [attention, 1, false],
      [ffn, 64, false],
      [ffn, 1, true],
    ] as const) {
      const ms = (of: DeviceTimes) => of.sublayerMs(sublayer, 4, tokens, 100, { streams });
      expect(ms(times)).toBe(ms(plain));
    }
  });

  test('lends no more than there is room for', () => {
    const ffnBytes = 22 * work.sublayers[ffn]!.byteLength;
    expect(timesOf({ memoryBytes: ffnBytes / 2 }).gpuTiles(ffn, tiles, 1)).toBe(tiles / 2);
    expect(timesOf({ memoryBytes: 0 }).gpuTiles(ffn, tiles, 1)).toBe(0);
    expect(new DeviceTimes(work, device({ gpu }), 0.25).gpuTiles(ffn, tiles, 1)).toBe(5);
  });

  test('lends none of other weight types', () => {
    expect(timesOf({ kernels: { Q8_0: gpu.kernels.Q4_0! } }).gpuTiles(ffn, tiles, 1)).toBe(0);
    const others = smallModel().layers.map((layer) => ({ ...layer, up: 'Q5_0', gate: 'Q5_0' }) as const);
    const odd = modelWork({ ...smallModel(), layers: others }, planOptions);
    expect(odd.sublayers[ffn]!.forGpus).toBe(false);
    expect(new DeviceTimes(odd, device({ gpu })).gpuTiles(ffn, tiles, 1)).toBe(0);
  });

  test.each([false, true])('lends hot tiles, of which more is read: predicted %s', (isPredicted) => {
    const { description, shares } = sparseShape(smallModel(), isPredicted);
    const sparse = modelWork(description, planOptions, shares);
    const alike = { ...sparse, sublayers: sparse.sublayers.map((own) => ({ ...own, loads: undefined })) };
    const syncMs = 0.01;
    const lentOf = (of: ModelWork) =>
      new DeviceTimes(of, device({ gpu: { ...gpu, syncMs } })).gpuTiles(ffn, tiles, 1);
    expect(lentOf(sparse)).toBeGreaterThan(0);
    expect(lentOf(sparse)).toBeLessThan(lentOf(alike));
    const ms = new DeviceTimes(sparse, device({ gpu: { ...gpu, syncMs } })).sublayerMs(ffn, tiles, 1, 0);
    expect(ms).toBeLessThan(0.6 * new DeviceTimes(sparse, device({})).sublayerMs(ffn, tiles, 1, 0));
  });

  test('gets more of a model than one without', () => {
    const memoryBytes = 500e6;
    const others = [device({ memoryBytes }), device({ name: 'other', memoryBytes, link: link() })];
    const weights = (devices: readonly DeviceProfile[]) =>
      planCluster(problemOf(work, devices), 'latency').prediction.devices.map(
        ({ memory }) => memory.weightBytes,
      );
    const [before] = weights(others);
    const [after] = weights([{ ...others[0]!, gpu }, others[1]!]);
    expect(after).toBeGreaterThan(before!);
  });
});
