import { expect, test } from 'vitest';
import { devicesTable } from '../../coordinator/cli/devices-table.ts';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import { device, memory } from '../support/device-state.ts';

test('what a device tells stands in a row, and under it', () => {
  const local: DeviceState = {
    ...device,
    name: 'here',
    rank: 0,
    link: 'local',
    memory: { ...memory, streamedBytes: 0 },
    work: { ...device.work, syncs: 0 },
  };
  expect(devicesTable([local, device])).toBe(
    [
      'RANK  NAME   STATE  WEIGHTS   MEMORY              SPEED     LINK',
      '0     here   ready  460.0 MB  412.0 MB of 2.1 GB  7.9 GB/s  local',
      '      30/30 tiles, 28 kept; disk 1.2 GB/s',
      '1     attic  ready  460.0 MB  412.0 MB of 2.1 GB  7.9 GB/s  2.1 ms 10.8 MB/s',
      '      30/30 tiles, 28 kept; disk 1.2 GB/s; streams 310.0 MB a step and waits 13 ms',
      '      200.0 kB up and 150.0 kB down a step, waits 25 ms for others',
      '',
    ].join('\n'),
  );
});

test('of a GPU it says what it has', () => {
  const gpu = {
    name: 'Radeon RX 580',
    memoryBytes: 4e9,
    syncMs: 0.25,
    kernels: { Q4_K: { decodeBytesPerSecond: 1e11, prefillFlopsPerSecond: 9e11 } },
  };
  const profile = { ...device.profile!, gpu };
  const lines = (gpuTiles: number, name = gpu.name) =>
    devicesTable([
      { ...device, memory: { ...memory, gpuTiles }, profile: { ...profile, gpu: { ...gpu, name } } },
    ]).split('\n');
  expect(lines(12)[3]).toBe('      GPU Radeon RX 580, 100.0 GB/s: has 12 tiles');
  expect(lines(0)[3]).toBe('      GPU Radeon RX 580, 100.0 GB/s: has none');
  const longest = lines(99_999, 'x'.repeat(64)).map(({ length }) => length);
  expect(Math.max(...longest)).toBeLessThanOrEqual(100);
});

test('what is not known is left out', () => {
  const unknown = {
    memory: undefined,
    profile: undefined,
    work: { ...device.work, steps: 0, syncs: 0 },
    rank: undefined,
    tiles: 0,
    loadedTiles: 0,
    tileBytes: 0,
  };
  expect(devicesTable([{ ...device, ...unknown, state: 'stand-by' }])).toBe(
    'RANK  NAME   STATE     WEIGHTS  MEMORY  SPEED  LINK\n-     attic  stand-by  0 B      -       -      -\n',
  );
});

test('what is wrong stands at the end', () => {
  const text = devicesTable([
    { ...device, name: 'small', state: 'declined', reason: 'too little memory' },
    { ...device, drift: 0.6 },
    { ...device, name: 'desk', drift: 1.5 },
    { ...device, name: 'new', state: 'loading', loadedTiles: 10 },
  ]);
  expect(text).toMatch(/^small declined: too little memory$/m);
  expect(text).toMatch(/^attic is 40 % slower than when it got its tiles\.$/m);
  expect(text).toMatch(/^desk is 50 % faster than when it got its tiles\.$/m);
  expect(text).toMatch(/^1 +new +loading 33 %/m);
});

test('no line of the table is longer than 100 characters', () => {
  const widest: DeviceState = {
    ...device,
    name: 'the machine in the cupboard under the stairs that nobody remembers',
    state: 'preparing',
    rank: 255,
    tiles: 130_000,
    loadedTiles: 129_999,
    tileBytes: 99.9e9,
    memory: {
      ...memory,
      budgetBytes: 99.9e9,
      residentBytes: 99.8e9,
      keptTiles: 129_999,
      streamedBytes: 9.999e12,
      waitMs: 1e5,
    },
    profile: {
      ...device.profile!,
      kernels: { Q4_K: { decodeBytesPerSecond: 99.9e9, prefillFlopsPerSecond: 1 } },
      diskBytesPerSecond: 999.9e6,
      link: { rttMs: 999.9, rttP95Ms: 1, upBytesPerSecond: 999.9e6, downBytesPerSecond: 999.9e6 },
    },
  };
  const lines = devicesTable([widest, device]).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(lines[1]).toContain('the machine in …');
});
