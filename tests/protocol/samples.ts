import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { description } from '../support/description.ts';
import { attaching, hello, pairing, rejoining, session, tileKey, versions } from './handshake-sample.ts';

/** Who computes no layer, and gets what the output head works on. */
const vocabularyOnly = {
  rank: 1,
  worldSize: 3,
  tileIds: [0, 9],
  legs: [],
  receivesHead: true,
  microBatchTokens: 64,
};

/** One of each control message. */
export const samples = [
  hello,
  {
    type: 'join',
    ...versions,
    name: 'Küche',
    capabilities: {
      platform: 'node 20.20.2 linux x64',
      kernels: 'relaxed',
      threads: 1,
      memoryBytes: 2 ** 33,
    },
  },
  { type: 'welcome', session, tileKey },
  { type: 'refused', code: 'JOIN_REFUSED', message: 'the secret is not the one of this cluster', fields: {} },
  {
    type: 'configure',
    configurationId: 1,
    description: description({ layerCount: 1 }),
    assignment: {
      rank: 1,
      worldSize: 2,
      tileIds: [0, 3, 4, 7, 9, 10],
      legs: [{ firstLayer: 0, endLayer: 1, members: 2, receives: false, sends: false }],
      receivesHead: false,
      microBatchTokens: 32,
    },
    tileHashes: Uint8Array.from({ length: 6 * 32 }, (_, i) => (i < 32 ? 0xa0 + (i % 16) : 0)),
    options: { kvFormat: 'f16', maxStepTokens: 64, maxSequences: 4, contextLength: 256, kvPages: 16 },
    profile: false,
    copiesKv: true,
  },
  { type: 'wanted', configurationId: 1, tileIds: [0, 3, 4, 7, 9, 10] },
  { type: 'loaded', configurationId: 1, tileId: 3, tileHash: hello.nonce },
  { type: 'ready', configurationId: 1 },
  {
    type: 'memory',
    configurationId: 1,
    budgetBytes: 2 ** 31,
    residentBytes: 400_000_000,
    windowBytes: 9_000_000,
    otherBytes: 100_000_000,
    keptTiles: 6,
    gpuTiles: 4,
    steps: 10,
    streamedBytes: 2_000_000_000,
    readMs: 1200.5,
    waitMs: 30.25,
  },
  {
    type: 'declined',
    configurationId: 1,
    code: 'MEMORY_EXHAUSTED',
    message: 'too large',
    fields: { requestedBytes: 4096 },
  },
  { type: 'standBy', reason: 'its page is hidden' },
  { type: 'release', slot: 3 },
  { type: 'stepFailed', stepId: 7, code: 'FIXED_POINT_OVERFLOW', message: 'too large', fields: { layer: 0 } },
  { type: 'error', code: 'FRAME_MALFORMED', message: 'frame type 9 is unknown', fields: {} },
  { type: 'ping', id: 5 },
  { type: 'pong', id: 5 },
  {
    type: 'prepare',
    configurationId: 2,
    description: description({ layerCount: 1 }),
    assignment: vocabularyOnly,
    tileHashes: Uint8Array.from({ length: 2 * 32 }, (_, i) => (i < 32 ? 0xa0 + (i % 16) : 0)),
  },
  { type: 'measure', formats: ['Q4_K', 'Q6_K'], kvFormat: 'f16', fresh: false },
  {
    type: 'measured',
    kernels: {
      Q4_K: { decodeBytesPerSecond: 1.65e10, prefillFlopsPerSecond: 2.49e11 },
      Q6_K: { decodeBytesPerSecond: 1.5e10, prefillFlopsPerSecond: 2.1e11 },
    },
    gpu: {
      name: 'Radeon RX 580',
      memoryBytes: 4_000_000_000,
      syncMs: 0.25,
      kernels: { Q4_K: { decodeBytesPerSecond: 1e11, prefillFlopsPerSecond: 9e11 } },
    },
    attentionBytesPerSecond: 7.5e9,
    diskBytesPerSecond: 1.2e9,
    syncMs: 0.0625,
  },
  { type: 'burst', id: 3, bytes: Uint8Array.from({ length: 4 }) },
  { type: 'burstWanted', id: 3, byteLength: 65536 },
  { type: 'pair', ...versions, handshake: pairing().messages[0]! },
  { type: 'answer', handshake: pairing().messages[1]! },
  { type: 'confirm', handshake: pairing().messages[2]! },
  { type: 'rejoin', ...versions, handshake: rejoining().messages[0]! },
  { type: 'attach', session, handshake: attaching().messages[0]! },
] as const satisfies ControlMessage[];
