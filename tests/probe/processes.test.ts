import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import { hearth } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';

let house: House;
beforeEach(async () => {
  house = await House.build();
});
afterEach(() => house.close());

/** Joins, until one whose link was measured in time, which on a busy machine may take more than one. */
async function measured(): Promise<DeviceState> {
  for (let i = 0; i < 4; i += 1) {
    const agent = house.join('away');
    const device = await house.device('away', 'ready');
    if (device.profile?.link) return device;
    await house.kill(agent);
  }
  throw new Error('no link was measured');
}

test('real devices show how fast they are, and remember it', async () => {
  const { toAgents, toCoordinator } = house.link;
  toAgents.delayMs = 3;
  toCoordinator.delayMs = 3;
  toAgents.bytesPerSecond = 8e6;
  await house.serve('--split', '1,1', '--devices', '1');
  const { profile } = await measured();
  const { kernels, link, ...rates } = profile!;
  expect(Object.keys(kernels)).toEqual(expect.arrayContaining(['Q4_0']));
  for (const { decodeBytesPerSecond } of Object.values(kernels))
    expect(decodeBytesPerSecond).toBeGreaterThan(1e7);
  expect(rates.attentionBytesPerSecond).toBeGreaterThan(1e7);
  expect(rates.diskBytesPerSecond).toBeGreaterThan(1e5);
  expect(link!.rttMs).toBeGreaterThan(5.5);
  expect(link!.downBytesPerSecond).toBeLessThan(12e6);

  const shown = await hearth('devices', '--url', house.url);
  expect(shown.stdout).toMatch(/away +ready .* [\d.]+ [kMG]B\/s +[\d.]+ ms [\d.]+ [kMG]B\/s$/m);
  const metrics = await (await fetch(`${house.url}/metrics`)).text();
  expect(metrics).toContain(
    `hearth_device_link_round_trip_seconds{device="away",rank="0"} ${link!.rttMs / 1000}`,
  );

  // One of the same cache comes back with the same figures.
  house.join('away', '--name', 'again');
  const again = await house.device('again', 'ready');
  expect(again.profile?.kernels).toEqual(kernels);
  expect(again.profile?.syncMs).toBe(rates.syncMs);
}, 120_000);
