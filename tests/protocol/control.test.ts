import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { reportOf } from '../../runtime/protocol/error-report.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame, type Frame } from '../../runtime/protocol/frame.ts';
import { type ControlMessage, controlNumbers } from '../../runtime/protocol/messages.ts';
import { packPlain } from '../../runtime/protocol/msgpack.ts';
import { samples } from './samples.ts';

const decode = (message: Uint8Array): ControlMessage =>
  decodeControl(decodeFrame(message, defaultFrameLimits));

/** A control frame of any payload. */
function control(type: keyof typeof controlNumbers, payload: unknown): Uint8Array {
  const packed = payload instanceof Uint8Array ? payload : packPlain(payload);
  return encodeFrame({ type: 'control', flags: 0, index: controlNumbers[type], id: 0, rows: 0 }, packed);
}

/** The fields of the sample of a type, some of them replaced; undefined takes one out. */
function altered(type: ControlMessage['type'], path: string, value: unknown): Uint8Array {
  const sample = samples.find((candidate) => candidate.type === type)!;
  const { type: _, ...fields } = structuredClone(sample) as ControlMessage & Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce<Record<string, unknown>>(
    (map, key) => map[key] as Record<string, unknown>,
    fields,
  );
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return control(type, fields);
}

describe('control messages', () => {
  it('have one sample of each type here', () => {
    expect(new Set(samples.map(({ type }) => type))).toEqual(new Set(Object.keys(controlNumbers)));
  });

  it.each(samples.map((sample) => [sample.type, sample] as const))(
    '%s survives the round trip',
    (_, sample) => {
      expect(decode(encodeControl(sample))).toEqual(sample);
    },
  );

  it('have literal bytes', () => {
    expect(Buffer.from(encodeControl({ type: 'ping', id: 5 })).toString('hex')).toBe(
      `01000b00${'00000000'.repeat(2)}05000000${'81a2696405'}`,
    );
  });
});

describe('every field is checked', () => {
  const config = 'description.config';
  const bad: [ControlMessage['type'], string, unknown][] = [
    ['hello', 'nonce', new Uint8Array(31)],
    ['hello', 'nonce', 'x'.repeat(32)],
    ['hello', 'softwareVersion', 'a\u001b[2J'],
    ['hello', 'extra', 1],
    ['join', 'name', ''],
    ['join', 'name', 'x'.repeat(65)],
    ['join', 'name', 'bell\u0007'],
    ['join', 'name', ' blank'],
    ['join', 'name', 'right\u202Eleft'],
    ['join', 'softwareVersion', undefined],
    ['join', 'capabilities', null],
    ['join', 'capabilities', []],
    ['join', 'capabilities.kernels', 'fast'],
    ['join', 'capabilities.threads', 0],
    ['join', 'capabilities.threads', 1.5],
    ['join', 'capabilities.memoryBytes', -1],
    ['join', 'capabilities.platform', '\u001b[31m'],
    ['join', 'capabilities.extra', true],
    ['hello', 'publicKey', new Uint8Array(33)],
    ['welcome', 'session', new Uint8Array(17)],
    ['welcome', 'tileKey', new Uint8Array(31)],
    ['pair', 'handshake', 'x'.repeat(48)],
    ['pair', 'handshake', new Uint8Array(97)],
    ['rejoin', 'handshake', undefined],
    ['rejoin', 'softwareVersion', ''],
    ['attach', 'session', new Uint8Array(15)],
    ['attach', 'handshake', new Uint8Array(97)],
    ['refused', 'code', 'NO_SUCH_CODE'],
    ['refused', 'message', 'x'.repeat(1001)],
    ['configure', 'configurationId', -1],
    ['configure', 'configurationId', 2 ** 32],
    ['configure', `${config}.hiddenSize`, 0],
    ['configure', `${config}.hiddenSize`, 2 ** 31],
    ['configure', `${config}.hiddenSize`, Number.NaN],
    ['configure', `${config}.hiddenSize`, 260],
    ['configure', `${config}.layerCount`, 2],
    ['configure', `${config}.headCount`, 9],
    ['configure', `${config}.kvHeadCount`, 3],
    ['configure', `${config}.headDim`, 6],
    ['configure', `${config}.headDim`, 2 ** 20],
    ['configure', `${config}.intermediateSize`, 770],
    ['configure', `${config}.intermediateSize`, 2 ** 25],
    ['configure', `${config}.vocabSize`, 2 ** 24 + 1],
    ['configure', `${config}.normEpsilon`, -1],
    ['configure', `${config}.normEpsilon`, Number.POSITIVE_INFINITY],
    ['configure', `${config}.rope.dimensions`, 33],
    ['configure', `${config}.rope.dimensions`, 31],
    ['configure', `${config}.rope.base`, 0],
    ['configure', `${config}.rope.scaling.kind`, 'other'],
    ['configure', `${config}.rope.scaling.factor`, 2],
    ['configure', 'description.outputFormat', 'Q9_9'],
    ['configure', 'description.outputFormat', 'constructor'],
    ['configure', 'description.attentionBias', 1],
    ['configure', 'description.layers', {}],
    ['configure', 'description.layers', []],
    ['configure', 'description.layers', [7]],
    ['configure', 'description.layers.0.query', undefined],
    ['configure', 'description.layers.0.more', 'Q4_0'],
    ['configure', 'assignment.worldSize', 0],
    ['configure', 'assignment.worldSize', 257],
    ['configure', 'assignment.rank', 2],
    ['configure', 'assignment.tileIds', [3, 4]],
    ['configure', 'assignment.tileIds', [0, 4, 3]],
    ['configure', 'assignment.tileIds', [0, 3, 3]],
    ['configure', 'assignment.tileIds', [0, 1000]],
    ['configure', 'assignment.tileIds', [0, '1']],
    ['configure', 'options.kvFormat', 'q4'],
    ['configure', 'options.maxStepTokens', 0],
    ['configure', 'options.maxStepTokens', 2 ** 20],
    ['configure', 'options.maxSequences', 2 ** 20],
    ['configure', 'options.contextLength', 2 ** 40],
    ['configure', 'options.kvPages', -5],
    ['configure', 'options.kvPages', undefined],
    ['configure', 'profile', undefined],
    ['configure', 'profile', 1],
    ['standBy', 'reason', 'a\u001b[2J'],
    ['standBy', 'reason', ' '],
    ['standBy', 'reason', 'x'.repeat(101)],
    ['prepare', 'options', {}],
    ['prepare', 'tileHashes', new Uint8Array(31)],
    ['prepare', 'assignment.tileIds', [3, 4]],
    ['prepare', 'description.layers', []],
    ['wanted', 'tileIds', [5, 4]],
    ['wanted', 'tileIds', [-1]],
    ['loaded', 'tileId', 2 ** 20],
    ['release', 'slot', 1.5],
    ['stepFailed', 'stepId', '7'],
    ['error', 'fields', { 'not a name': 1 }],
    ['error', 'fields', { list: [1] }],
    [
      'error',
      'fields',
      Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`f${'abcdefghijklmnopq'[i]}`, 1])),
    ],
    ['ping', 'id', 2 ** 32],
    ['ping', 'id', undefined],
  ];
  it.each(bad)('%s with %s = %j', (type, path, value) => {
    expect(() => decode(altered(type, path, value))).toThrow(
      expect.objectContaining({ code: 'FRAME_MALFORMED' }),
    );
  });

  it('a model of more tiles than can be listed is refused before they are', () => {
    const vast = { ...samples[4], description: structuredClone(samples[4].description) };
    Object.assign(vast.description.config, { layerCount: 1024, intermediateSize: 2 ** 24 });
    Object.assign(vast.description, {
      layers: Array.from({ length: 1024 }, () => samples[4].description.layers[0]),
    });
    expect(() => decode(encodeControl(vast))).toThrow(/67112965 tiles is over the limit/);
  });

  it('a tile that no frame could carry is refused', () => {
    const frame = altered('configure', 'description.config.hiddenSize', 2 ** 20);
    expect(() => decode(frame)).toThrow(/tile of \d+ bytes is over the limit/);
  });
});

describe('a peer of another version', () => {
  it.each(['hello', 'pair', 'rejoin', 'join'] as const)('is named in the refusal of its %s', (type) => {
    const fields = { protocolVersion: 7, softwareVersion: '9.9.9', whateverItHas: true };
    expect(() => decode(control(type, fields))).toThrow(
      expect.objectContaining({
        code: 'PROTOCOL_VERSION_MISMATCH',
        fields: { peerVersion: 7, ownVersion: 4 },
      }),
    );
    expect(() => decode(control(type, fields))).toThrow(/Hearth 9\.9\.9.* protocol 7.* protocol 4/);
  });
});

describe('hostile MessagePack', () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
  const cases: [string, Uint8Array][] = [
    ['nothing', hex('')],
    ['a number', hex('05')],
    ['a list', hex('9105')],
    ['nil', hex('c0')],
    ['the reserved token', hex('c1')],
    ['two values', hex('81a269640505')],
    ['a map that ends early', hex('82a2696405')],
    ['a string that ends early', hex('81a2696405'.slice(0, 6))],
    ['a key that is a number', hex('810505')],
    ['a key that is a list', hex('819005')],
    ['4 billion items', hex('ddffffffff')],
    ['4 billion entries', hex('dfffffffff')],
    ['4 billion bytes', hex('81a26964c6ffffffff')],
    ['4 billion characters', hex('81a26964dbffffffff')],
    ['a record definition', hex('81a26964d47240')],
    ['a record with its values', hex('d4724092a2696401a0')],
    ['a timestamp', hex('81a26964d6ff00000000')],
    ['a regular expression', hex('81a26964c70578a3612b2ba0')],
    ['a structured clone', hex('81a26964d6690000000091c0')],
    ['an error object', hex('81a26964d465009301a161a162')],
    ['bundled strings', hex('d66200000000')],
    ['deep nesting', Uint8Array.from([...new Array(100_000).fill(0x91), 0x05])],
    ['deep maps', Uint8Array.from([...new Array(50_000).fill([0x81, 0xa0]).flat(), 0x05])],
    ['__proto__', hex('82a2696405a95f5f70726f746f5f5f80')],
    ['the same key twice', hex('82a2696405a26964a178')],
  ];
  it.each(cases)('%s is malformed', (_, payload) => {
    expect(() => decode(control('ping', payload))).toThrow(
      expect.objectContaining({ code: 'FRAME_MALFORMED' }),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('an inherited property is no field', () => {
    expect(() => decode(control('ping', {}))).toThrow(/ping\.id/);
    expect(() => decode(altered('error', 'fields', { toString: 1 }))).not.toThrow();
  });

  it('any bytes give a message or a HearthError', () => {
    const types = fc.constantFrom(...(Object.keys(controlNumbers) as ControlMessage['type'][]));
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 80 }), (type, payload) => {
        expectTotal(() => decode(control(type, payload)));
      }),
      { numRuns: 2000, seed: 5 },
    );
  });

  it('any mutation of a sound message gives a message or a HearthError', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.constantFrom(...samples), mutations, fc.nat(3), (sample, changes, cut) => {
        const frame = encodeControl(sample);
        for (const [at, byte] of changes) frame[at % frame.length] = byte;
        expectTotal(() => decode(frame.subarray(0, frame.length - cut)));
      }),
      { numRuns: 3000, seed: 6 },
    );
  });

  it('any plain values in place of any field give a message or a HearthError', () => {
    const plain = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.string({ maxLength: 10 }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.integer(), { maxLength: 5 }),
    );
    const keys = fc.constantFrom(
      'hiddenSize',
      'headDim',
      'kvHeadCount',
      'layerCount',
      'vocabSize',
      'rope',
      'headCount',
    );
    fc.assert(
      fc.property(keys, plain, (key, value) => {
        expectTotal(() => decode(altered('configure', `description.config.${key}`, value)));
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

function expectTotal(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(HearthError);
  }
}

describe('what leaves of an error', () => {
  it('is code, message and fields of one that the wire knows', () => {
    const error = new HearthError('TILE_CORRUPT', 'broken', { tile: 3 }, new Error('cause'));
    expect(reportOf(error)).toEqual({ code: 'TILE_CORRUPT', message: 'broken', fields: { tile: 3 } });
  });

  it('is INTERNAL of any other, without the text of an unexpected one', () => {
    expect(reportOf(new HearthError('FILE_NOT_FOUND', 'no file', {}))).toMatchObject({ code: 'INTERNAL' });
    expect(reportOf(new Error('a private detail'))).toEqual({
      code: 'INTERNAL',
      message: 'an unexpected error',
      fields: {},
    });
  });

  it('fits its own limits', () => {
    const fields = Object.fromEntries([...'abcdefghijklmnopqrst'].map((key) => [key, 'x'.repeat(5000)]));
    const report = reportOf(new HearthError('INTERNAL', 'y'.repeat(5000), fields));
    const frame: Frame = decodeFrame(encodeControl({ type: 'error', ...report }), defaultFrameLimits);
    expect(decodeControl(frame)).toEqual({ type: 'error', ...report });
  });

  it('cannot drive a terminal', () => {
    const message = decode(altered('error', 'message', 'red \u001b[31m\u0007'));
    expect(message).toMatchObject({ message: 'red  [31m ' });
  });

  it('has a close code that browsers may send, and a reason that fits', () => {
    expect(closeCodeOf('FRAME_MALFORMED')).toBe(4400);
    expect(closeCodeOf('USAGE')).toBe(4500);
    expect(closeReasonOf('ä\n'.repeat(200)).length).toBeLessThanOrEqual(123);
  });
});
