import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogitPicker } from '../../runtime/decoder/logit-picker.ts';
import { HearthError } from '../../runtime/error.ts';
import {
  decodeFrame,
  defaultFrameLimits,
  encodeFrame,
  type FrameLimits,
  frameTypeNumbers,
  largestFrameBytes,
} from '../../runtime/protocol/frame.ts';
import { equalBytes } from '../../runtime/protocol/handshake.ts';
import { decodeLogits, encodeLogits } from '../../runtime/protocol/logits-frame.ts';
import { decodeSpans, encodeSpans } from '../../runtime/protocol/spans-frame.ts';
import { decodeStep, encodeStep, type StepBounds } from '../../runtime/protocol/step-frame.ts';
import { decodeTile, encodeTile, portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import { hashedTile } from '../support/hashed-tile.ts';

const limits: FrameLimits = { controlBytes: 100, tileBytes: 200, tensorBytes: 300 };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const coded = (code: string) => expect.objectContaining({ code });

describe('frames', () => {
  it('keep their type numbers for ever', () => {
    expect(frameTypeNumbers).toEqual({
      control: 1,
      tile: 2,
      step: 3,
      partial: 4,
      sum: 5,
      logits: 6,
      spans: 7,
      residual: 8,
      kv: 9,
    });
  });

  it('have literal bytes', () => {
    const frame = encodeFrame(
      { type: 'partial', flags: 1, index: 0x0203, id: 0x04050607, rows: 8 },
      hex('aa'),
      hex('bbcc'),
    );
    expect(hexOf(frame)).toBe('0401 0302 07060504 08000000 03000000 aabbcc'.replaceAll(' ', ''));
  });

  it('survive the round trip, also from within a larger buffer', () => {
    const types = fc.constantFrom('partial', 'sum', 'step', 'logits', 'tile', 'control' as const);
    const headers = fc.record({ type: types, index: fc.nat(0xffff), id: fc.nat(), rows: fc.nat() });
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 90 }), ({ type, index, id, rows }, payload) => {
        const header = {
          type,
          flags: type === 'sum' ? 1 : 0,
          index: type === 'tile' ? 0 : index,
          id: type === 'control' ? 0 : id,
          rows: type === 'control' ? 0 : rows,
        };
        const message = Buffer.concat([Buffer.from('xyz'), encodeFrame(header, payload)]).subarray(3);
        const frame = decodeFrame(message, limits);
        expect(frame).toEqual({ ...header, payload });
        expect(Buffer.isBuffer(frame.payload)).toBe(false);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  const bad: [string, string, string][] = [
    ['nothing', '', 'FRAME_TRUNCATED'],
    ['half a header', '0100010000000000', 'FRAME_TRUNCATED'],
    ['half a payload', '0100 0100 00000000 00000000 04000000 aabb', 'FRAME_TRUNCATED'],
    ['bytes behind the payload', '0100 0100 00000000 00000000 01000000 aabb', 'FRAME_MALFORMED'],
    ['type 0', '0000 0000 00000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['type 10', '0a00 0000 00000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['a flag that control frames lack', '0101 0100 00000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['a flag that partials lack', '0402 0000 00000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['an id in a control frame', '0100 0100 01000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['an index in a tile frame', '0200 0100 01000000 01000000 00000000', 'FRAME_MALFORMED'],
    ['a flag that spans lack', '0702 0000 00000000 00000000 00000000', 'FRAME_MALFORMED'],
    ['control over its limit', '0100 0100 00000000 00000000 65000000', 'FRAME_TOO_LARGE'],
    ['spans over their limit', '0700 0000 00000000 00000000 65000000', 'FRAME_TOO_LARGE'],
    ['a tile over its limit', '0200 0000 00000000 00000000 c9000000', 'FRAME_TOO_LARGE'],
    ['4 GiB of tensors', '0400 0000 00000000 00000000 ffffffff', 'FRAME_TOO_LARGE'],
  ];
  it.each(bad)('%s is refused', (_, text, code) => {
    expect(() => decodeFrame(hex(text), limits)).toThrow(coded(code));
  });

  it('any bytes give a frame or a HearthError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (bytes, type) => {
        if (bytes.length > 0) bytes[0] = type;
        try {
          decodeFrame(bytes, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(HearthError);
        }
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  it('are bounded as a whole', () => {
    expect(largestFrameBytes(limits)).toBe(316);
  });
});

describe('step frames', () => {
  const bounds: StepBounds = {
    hiddenSize: 2,
    maxStepTokens: 4,
    maxSequences: 3,
    contextLength: 10,
    embedded: true,
  };
  const header = {
    stepId: 9,
    sequences: [
      { slot: 2, start: 5, count: 1, logits: 'last', best: 40 },
      { slot: 0, start: 0, count: 2, logits: 'all' },
    ],
  } as const;
  const embeddings = Float32Array.from([1, -2, 0.5, 0, 3, 4]);
  const decode = (bytes: Uint8Array) => decodeStep(decodeFrame(bytes, defaultFrameLimits), bounds);

  it('survive the round trip', () => {
    expect(decode(encodeStep(header, embeddings))).toEqual({ header, embeddings });
  });

  it('come with embeddings to those who take them, and to nobody else', () => {
    const bare = encodeStep(header, new Float32Array());
    const without = (bytes: Uint8Array) =>
      decodeStep(decodeFrame(bytes, defaultFrameLimits), { ...bounds, embedded: false });
    expect(without(bare)).toEqual({ header, embeddings: new Float32Array() });
    expect(() => without(encodeStep(header, embeddings))).toThrow(coded('FRAME_MALFORMED'));
    expect(() => decode(bare)).toThrow(coded('FRAME_MALFORMED'));
  });

  const bad: [string, (frame: DataView) => void][] = [
    ['a slot beyond the last', (view) => view.setUint32(16, 3, true)],
    ['a slot twice', (view) => view.setUint32(16, 0, true)],
    ['an end beyond the context', (view) => view.setUint32(20, 10, true)],
    ['an overflowing end', (view) => view.setUint32(20, 0xffffffff, true)],
    ['no tokens', (view) => view.setUint32(24, 0, true)],
    ['more tokens than rows', (view) => view.setUint32(24, 2, true)],
    ['an unknown wish', (view) => view.setUint32(28, 3, true)],
    ['no sequences', (view) => view.setUint16(2, 0, true)],
    ['another number of sequences', (view) => view.setUint16(2, 1, true)],
    ['no rows', (view) => view.setUint32(8, 0, true)],
    ['more rows than fit', (view) => view.setUint32(8, 5, true)],
    ['vast rows', (view) => view.setUint32(8, 0xffffffff, true)],
  ];
  it.each(bad)('with %s are refused', (_, change) => {
    const frame = encodeStep(header, embeddings);
    change(new DataView(frame.buffer));
    expect(() => decode(frame)).toThrow(coded('FRAME_MALFORMED'));
  });
});

describe('logits frames', () => {
  const picker = new LogitPicker();
  const parts = [
    { firstVocabularyRow: 1, vocabularyRows: 2, values: Float32Array.from([1, 2, 10, 20]) },
    { firstVocabularyRow: 4, vocabularyRows: 1, values: Float32Array.from([5, 50]) },
  ];
  const bytesOf = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const decode = (bytes: Uint8Array) => decodeLogits(decodeFrame(bytes, defaultFrameLimits), 6);

  it('are one for each row, the last one flagged', () => {
    const frames = [...encodeLogits(3, [undefined, undefined], parts, picker)];
    expect(frames.map((frame) => decodeFrame(frame, defaultFrameLimits))).toMatchObject([
      { type: 'logits', flags: 0, id: 3, rows: 0, index: 2 },
      { type: 'logits', flags: 1, id: 3, rows: 1, index: 2 },
    ]);
    expect(frames.map(decode)).toEqual([
      [
        { firstVocabularyRow: 1, bytes: bytesOf(1, 2) },
        { firstVocabularyRow: 4, bytes: bytesOf(5) },
      ],
      [
        { firstVocabularyRow: 1, bytes: bytesOf(10, 20) },
        { firstVocabularyRow: 4, bytes: bytesOf(50) },
      ],
    ]);
  });

  it('have the greatest alone where no others are needed', () => {
    const values = Float32Array.from({ length: 6 }, (_, i) => (i * 5) % 6);
    const frames = encodeLogits(
      3,
      [1, undefined],
      [{ firstVocabularyRow: 0, vocabularyRows: 6, values: Float32Array.of(...values, ...values) }],
      picker,
    );
    expect([...frames].map(decode)).toEqual([
      [{ firstVocabularyRow: 1, bytes: bytesOf(5) }],
      [{ firstVocabularyRow: 0, bytes: bytesOf(...values) }],
    ]);
  });

  it('are one empty frame where there is nothing to say', () => {
    const empty = '0601 0000 03000000 00000000 00000000'.replaceAll(' ', '');
    expect([...encodeLogits(3, [], parts, picker)].map(hexOf)).toEqual([empty]);
    expect([...encodeLogits(3, [undefined], [], picker)].map(hexOf)).toEqual([empty]);
  });

  const bad: [string, (frame: DataView) => void][] = [
    ['more parts than there are', (view) => view.setUint16(2, 9, true)],
    ['fewer parts than there are', (view) => view.setUint16(2, 1, true)],
    ['rows beyond the vocabulary', (view) => view.setUint32(24, 6, true)],
    ['overlapping parts', (view) => view.setUint32(24, 2, true)],
    ['an empty part', (view) => view.setUint32(28, 0, true)],
    ['a vast part', (view) => view.setUint32(28, 0xffffffff, true)],
  ];
  it.each(bad)('with %s are refused', (_, change) => {
    const frame = encodeLogits(3, [undefined, undefined], parts, picker).next().value as Uint8Array;
    change(new DataView(frame.buffer));
    expect(() => decode(frame)).toThrow(coded('FRAME_MALFORMED'));
  });
});

describe('spans frames', () => {
  const spans = (...durations: number[]) => ({
    operations: Uint8Array.from(durations, (_, i) => i + 1),
    durationsUs: Float32Array.from(durations),
    lost: 0,
  });
  const threads = [spans(0, 1.5, 1e6), { ...spans(), lost: 7 }];
  const decode = (bytes: Uint8Array) => decodeSpans(decodeFrame(bytes, defaultFrameLimits));

  it('are one for each thread, the last one flagged', () => {
    const frames = [...encodeSpans(3, threads)];
    expect(frames.map((frame) => decodeFrame(frame, defaultFrameLimits))).toMatchObject([
      { type: 'spans', flags: 0, id: 3, index: 0, rows: 0 },
      { type: 'spans', flags: 1, id: 3, index: 1, rows: 7 },
    ]);
    expect(frames.map(decode)).toEqual(threads);
  });

  const bad: [string, (frame: Uint8Array, view: DataView) => void][] = [
    ['a thread beyond the last', (_, view) => view.setUint16(2, 1024, true)],
    ['half a span', (frame, view) => view.setUint32(12, frame.length - 17, true)],
    ['a negative duration', (_, view) => view.setFloat32(20, -1, true)],
    ['no number', (_, view) => view.setFloat32(20, Number.NaN, true)],
    ['hours', (_, view) => view.setFloat32(20, 1e10, true)],
    ['an unknown operation', (frame) => frame.fill(200, 28)],
  ];
  it.each(bad)('with %s are refused', (_, change) => {
    const frame = encodeSpans(3, threads).next().value as Uint8Array;
    change(frame, new DataView(frame.buffer));
    const length = new DataView(frame.buffer).getUint32(12, true);
    expect(() => decode(frame.subarray(0, 16 + length))).toThrow(coded('FRAME_MALFORMED'));
  });
});

describe('tile frames', () => {
  const tile = hashedTile(12, Uint8Array.from([1, 2, 3]));

  it('survive the round trip, their bytes 48 behind the start', () => {
    const message = encodeTile(7, tile);
    const decoded = decodeTile(decodeFrame(message, defaultFrameLimits), portableSha256);
    expect(decoded).toEqual(tile);
    expect(decodeFrame(message, defaultFrameLimits).rows).toBe(7);
    expect(decoded.bytes.byteOffset - message.byteOffset).toBe(48);
  });

  it.each([16, 47, 48, 50])('with byte %i changed are corrupt', (at) => {
    const message = encodeTile(7, tile);
    message[at]! ^= 1;
    expect(() => decodeTile(decodeFrame(message, defaultFrameLimits), portableSha256)).toThrow(
      coded('TILE_CORRUPT'),
    );
  });

  it('without a whole hash are malformed', () => {
    const frame = {
      ...decodeFrame(encodeTile(7, tile), defaultFrameLimits),
      payload: new Uint8Array(31),
    };
    expect(() => decodeTile(frame, portableSha256)).toThrow(coded('FRAME_MALFORMED'));
  });
});

describe('bytes', () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

  it('are compared whole', () => {
    expect(equalBytes(a, Uint8Array.from(a))).toBe(true);
    expect(equalBytes(a, b)).toBe(false);
    expect(equalBytes(a, a.subarray(1))).toBe(false);
    const last = Uint8Array.from(a);
    last[31] = 0;
    expect(equalBytes(a, last)).toBe(false);
  });
});
