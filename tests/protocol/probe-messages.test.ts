import { describe, expect, it } from 'vitest';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits } from '../../runtime/protocol/frame.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { burstPieceBytes, isProbe } from '../../runtime/protocol/probe-messages.ts';
import { samples } from './samples.ts';

const decode = (message: object): ControlMessage =>
  decodeControl(decodeFrame(encodeControl(message as ControlMessage), defaultFrameLimits));

const sample = (type: ControlMessage['type']): object => samples.find((message) => message.type === type)!;

const rates = { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 1e10 };

const gpu = { name: 'Radeon', memoryBytes: 1e9, syncMs: 0.1, kernels: { Q4_K: rates } };

describe('what devices say of their speed', () => {
  it.each<[ControlMessage['type'], Record<string, unknown>]>([
    ['measure', { formats: ['Q4_K', 'Q4_K'] }],
    ['measure', { formats: ['Q9_9'] }],
    ['measure', { formats: ['constructor'] }],
    ['measure', { formats: new Array(1000).fill('Q4_K') }],
    ['measure', { kvFormat: 'q4' }],
    ['measure', { fresh: 1 }],
    ['measured', { kernels: { Q9_9: rates } }],
    ['measured', { kernels: { __proto__2: rates } }],
    ['measured', { kernels: { Q4_K: {} } }],
    ['measured', { kernels: { Q4_K: { ...rates, decodeBytesPerSecond: 0 } } }],
    ['measured', { kernels: { Q4_K: { ...rates, prefillFlopsPerSecond: Number.POSITIVE_INFINITY } } }],
    ['measured', { kernels: { Q4_K: { ...rates, more: 1 } } }],
    ['measured', { kernels: [] }],
    ['measured', { gpu: 'Radeon' }],
    ['measured', { gpu: undefined }],
    ['measured', { gpu: { ...gpu, name: '' } }],
    ['measured', { gpu: { ...gpu, name: '\u001b[31mred' } }],
    ['measured', { gpu: { ...gpu, name: 'x'.repeat(65) } }],
    ['measured', { gpu: { ...gpu, memoryBytes: -1 } }],
    ['measured', { gpu: { ...gpu, syncMs: Number.NaN } }],
    ['measured', { gpu: { ...gpu, kernels: { Q9_9: rates } } }],
    ['measured', { gpu: { ...gpu, more: 1 } }],
    ['measured', { attentionBytesPerSecond: -1 }],
    ['measured', { diskBytesPerSecond: Number.NaN }],
    ['measured', { diskBytesPerSecond: 1e16 }],
    ['measured', { seekBytes: 0.5 }],
    ['measured', { seekBytes: 2 ** 31 }],
    ['measured', { syncMs: 1e5 }],
    ['measured', { syncMs: undefined }],
    ['burst', { bytes: 'text' }],
    ['burst', { bytes: new Uint8Array(burstPieceBytes + 1) }],
    ['burst', { id: -1 }],
    ['burstWanted', { byteLength: 0 }],
    ['burstWanted', { byteLength: 2 ** 22 + 1 }],
    ['burstWanted', { extra: 1 }],
  ])('is checked: %s with %j', (type, changes) => {
    expect(() => decode({ ...sample(type), ...changes })).toThrow(
      expect.objectContaining({ code: 'FRAME_MALFORMED' }),
    );
  });

  it('may be next to nothing', () => {
    const unknown = { type: 'measured', kernels: {}, attentionBytesPerSecond: 0 };
    const message = { ...unknown, diskBytesPerSecond: 0, syncMs: 0 };
    expect(decode(message)).toEqual(message);
  });

  it('concerns no rank', () => {
    const types = samples.filter((message) => isProbe(message)).map(({ type }) => type);
    expect(types).toEqual(['measure', 'measured', 'burst', 'burstWanted']);
  });
});
