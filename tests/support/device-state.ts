import type { DeviceState } from '../../coordinator/cluster/device-state.ts';

export const memory = {
  budgetBytes: 2.1e9,
  residentBytes: 3e8,
  windowBytes: 9e6,
  coldBytes: 0,
  otherBytes: 1.03e8,
  keptTiles: 28,
  gpuTiles: 0,
  steps: 10,
  streamedBytes: 3.1e9,
  records: 0,
  recordBytes: 0,
  readMs: 900,
  waitMs: 125,
};

/** A device that others compute with, and whose weights stream. */
export const device: DeviceState = {
  name: 'attic',
  platform: 'node 20.20.2 linux x64',
  link: 'websocket',
  state: 'ready',
  reason: undefined,
  paused: false,
  rank: 1,
  tiles: 30,
  loadedTiles: 30,
  tileBytes: 4.6e8,
  memory,
  work: { steps: 10, syncs: 440, upBytes: 2e6, downBytes: 1.5e6, ownMs: 700, waitMs: 250 },
  profile: {
    name: 'attic',
    threads: 4,
    memoryBytes: 2.1e9,
    kernels: {
      Q4_K: { decodeBytesPerSecond: 7.9e9, prefillFlopsPerSecond: 1e11 },
      Q6_K: { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 1e11 },
    },
    attentionBytesPerSecond: 5e9,
    diskBytesPerSecond: 1.2e9,
    syncMs: 0.1,
    link: { rttMs: 2.13, rttP95Ms: 9, upBytesPerSecond: 10.8e6, downBytesPerSecond: 11.4e6 },
  },
  drift: undefined,
};
