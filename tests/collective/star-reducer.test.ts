import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePlanes, type SyncPoint } from '../../runtime/collective/partial-frame.ts';
import type { Planes } from '../../runtime/collective/plane-codec.ts';
import { reduceInPlace } from '../../runtime/collective/rank-sync.ts';
import { StarReducer } from '../../runtime/collective/star-reducer.ts';
import { microBatches } from '../../runtime/decoder/micro-batch.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame, type Frame } from '../../runtime/protocol/frame.ts';
import { referenceCodec } from './reference-codec.ts';

const hiddenSize = 40;
const tokens = 2;
const values = hiddenSize * tokens;
const decode = (message: Uint8Array): Frame => decodeFrame(message, defaultFrameLimits);

/** Of ranks 0 to `worldSize`, or of given ones, in a step of two micro-batches. */
function star(worldSize: number | readonly number[], syncCount = 2): StarReducer {
  const members = typeof worldSize === 'number' ? [...Array(worldSize).keys()] : worldSize;
  const shape = { members, hiddenSize, maxStepTokens: 4, firstSync: 0, endSync: syncCount };
  const reducer = new StarReducer(shape, referenceCodec);
  reducer.begin(7, microBatches(2 * tokens, tokens));
  return reducer;
}

function point(syncIndex: number, first = 0): SyncPoint {
  return { stepId: 7, syncIndex, first, tokens };
}

function partial(syncIndex: number, planes: Planes, first = 0): Frame {
  return decode(encodePlanes('partial', point(syncIndex, first), planes, referenceCodec));
}

const zeros = (): Planes => ({
  fine: new Int32Array(values),
  coarse: new Int32Array(values),
  coarseUsed: false,
});

const plane = fc.int32Array({ minLength: values, maxLength: values });
const anyPlanes: fc.Arbitrary<Planes> = fc
  .tuple(plane, plane, fc.boolean())
  .map(([fine, coarse, coarseUsed]) => ({
    fine,
    coarse: coarseUsed ? coarse : new Int32Array(values),
    coarseUsed,
  }));

/** Sums all ranks' planes modulo 2^32, in one plain loop. */
function plainSum(ranks: readonly Planes[]): Planes {
  const sum = zeros();
  for (const { fine, coarse, coarseUsed } of ranks) {
    for (let i = 0; i < values; i += 1) {
      sum.fine[i]! += fine[i]!;
      sum.coarse[i]! += coarse[i]!;
    }
    sum.coarseUsed ||= coarseUsed;
  }
  return sum;
}

/** Lets all ranks meet once, arriving in `order`, and returns what each holds then. */
function meet(
  reducer: StarReducer,
  syncIndex: number,
  ranks: readonly Planes[],
  order: readonly number[],
  first = 0,
): Planes[] {
  const held = ranks.map(({ fine, coarse, coarseUsed }) => ({
    ...point(syncIndex, first),
    fine: fine.slice(),
    coarse: coarse.slice(),
    coarseUsed,
  }));
  for (const rank of order) {
    for (const delivery of reducer.receive(rank, partial(syncIndex, ranks[rank]!, first))) {
      for (const to of delivery.ranks)
        reduceInPlace(
          held[to]!,
          point(syncIndex, first),
          decode(delivery.frame),
          ranks.length,
          referenceCodec,
        );
    }
  }
  return held.map(({ fine, coarse, coarseUsed }) => ({ fine, coarse, coarseUsed }));
}

describe('star allreduce', () => {
  it('gives every rank the plain sum, for 2 to 5 ranks, in any order, twice in a row', () => {
    const worlds = fc
      .integer({ min: 2, max: 5 })
      .chain((size) =>
        fc.tuple(
          fc.array(anyPlanes, { minLength: size, maxLength: size }),
          fc.array(anyPlanes, { minLength: size, maxLength: size }),
          fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
        ),
      );
    fc.assert(
      fc.property(worlds, ([first, second, order]) => {
        const reducer = star(first.length);
        for (const [syncIndex, ranks] of [first, second].entries()) {
          const expected = plainSum(ranks);
          for (const got of meet(reducer, syncIndex, ranks, order)) expect(got).toEqual(expected);
        }
        expect(reducer.finished).toBe(false);
        for (const [syncIndex, ranks] of [second, first].entries()) {
          const expected = plainSum(ranks);
          for (const got of meet(reducer, syncIndex, ranks, order, tokens)) expect(got).toEqual(expected);
        }
        expect(reducer.finished).toBe(true);
      }),
      { numRuns: 40, seed: 11 },
    );
  });

  it('relays between two ranks at once, without waiting for the other', () => {
    const reducer = star(2);
    const own = { ...zeros(), fine: new Int32Array(values).fill(5) };
    const [delivery] = reducer.receive(0, partial(0, own));
    expect(delivery!.ranks).toEqual([1]);
    expect(decode(delivery!.frame)).toMatchObject({ type: 'partial', index: 0, id: 7, rows: tokens });
  });

  it('packs a sum once for all ranks', () => {
    const reducer = star(3);
    expect(reducer.receive(0, partial(0, zeros()))).toEqual([]);
    expect(reducer.receive(2, partial(0, zeros()))).toEqual([]);
    const deliveries = reducer.receive(1, partial(0, zeros()));
    expect(deliveries).toHaveLength(1);
    expect(deliveries[0]!.ranks).toEqual([0, 1, 2]);
  });

  it('keeps the sums of micro-batches apart, whichever comes first', () => {
    const reducer = star([1, 4, 6]);
    const of = (value: number): Planes => ({ ...zeros(), fine: new Int32Array(values).fill(value) });
    const sums: (readonly [rows: number, value: number])[] = [];
    for (const [rank, first, value, awaited] of [
      [4, tokens, 10, [1, 4, 6]],
      [1, 0, 1, [4, 6]],
      [1, tokens, 20, [4, 6]],
      [6, 0, 2, [4]],
      [6, tokens, 30, [4]],
      [4, 0, 3, [1, 4, 6]],
    ] as const) {
      for (const { ranks, frame } of reducer.receive(rank, partial(0, of(value), first))) {
        expect(ranks).toEqual([1, 4, 6]);
        const sum = decode(frame);
        const target = new Int32Array(values);
        referenceCodec.unpack(sum.payload, target);
        sums.push([sum.rows, target[0]!]);
      }
      expect(reducer.awaited).toEqual(awaited);
    }
    expect(sums).toEqual([
      [tokens * 65536 + tokens, 60],
      [tokens, 6],
    ]);
  });

  it('keeps nothing of an abandoned step', () => {
    const reducer = star(3);
    const large = {
      fine: new Int32Array(values).fill(9),
      coarse: new Int32Array(values).fill(9),
      coarseUsed: true,
    };
    reducer.receive(0, partial(0, large));
    reducer.begin(7, microBatches(2 * tokens, tokens));
    const ranks = [zeros(), zeros(), zeros()];
    for (const got of meet(reducer, 0, ranks, [2, 0, 1])) expect(got).toEqual(zeros());
  });
});

describe('what the hub refuses', () => {
  const sound = partial(0, zeros());
  const cases: [string, number, Frame, string][] = [
    ['an unknown rank', 3, sound, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a negative rank', -1, sound, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['another step', 0, { ...sound, id: 8 }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['another sync', 0, { ...sound, index: 1 }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['another size', 0, { ...sound, rows: 1 }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['another micro-batch', 0, { ...sound, rows: 65536 + tokens }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['another type', 0, { ...sound, type: 'sum' }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['too short a payload', 0, { ...sound, payload: sound.payload.subarray(1) }, 'FRAME_MALFORMED'],
    [
      'too long a payload',
      0,
      { ...sound, payload: new Uint8Array(sound.payload.length + 1) },
      'FRAME_MALFORMED',
    ],
    ['a coarse plane that is not there', 0, { ...sound, flags: 1 }, 'FRAME_MALFORMED'],
    ['an impossible width', 0, { ...sound, payload: sound.payload.map(() => 33) }, 'FRAME_MALFORMED'],
  ];
  it.each(cases)('%s', (_, rank, frame, code) => {
    expect(() => star(3).receive(rank, frame)).toThrow(expect.objectContaining({ code }));
  });

  it('a rank that arrives twice', () => {
    const reducer = star(3);
    reducer.receive(0, sound);
    expect(() => reducer.receive(0, sound)).toThrow(/twice/);
  });

  it('a partial after the last sync', () => {
    const reducer = star(2, 1);
    reducer.receive(0, sound);
    reducer.receive(1, sound);
    expect(() => reducer.receive(0, partial(1, zeros()))).toThrow(/last sync/);
  });
});

describe('what a rank refuses', () => {
  const own = () => ({ ...point(0), ...zeros() });
  it('a sum where its one peer should speak, and a partial where the hub should', () => {
    const sum = decode(encodePlanes('sum', point(0), zeros(), referenceCodec));
    expect(() => reduceInPlace(own(), point(0), sum, 2, referenceCodec)).toThrow(/partial was due/);
    expect(() => reduceInPlace(own(), point(0), partial(0, zeros()), 3, referenceCodec)).toThrow(
      /sum was due/,
    );
  });

  it('another sync', () => {
    expect(() => reduceInPlace(own(), point(0), partial(1, zeros()), 2, referenceCodec)).toThrow(/were due/);
  });
});

describe('packed integers', () => {
  it('have literal bytes', () => {
    const hex = (...numbers: number[]) =>
      Buffer.from(referenceCodec.pack(Int32Array.from(numbers))).toString('hex');
    expect(hex(0, 0, 0)).toBe('00');
    expect(hex(1)).toBe('0202');
    expect(hex(1, -1, 2, -2)).toBe('030a07');
    expect(hex(-(2 ** 31))).toBe('20ffffffff');
    expect(hex(...new Array(33).fill(0), 1)).toBe('000208');
  });

  it('survive the round trip at any length', () => {
    fc.assert(
      fc.property(fc.int32Array({ maxLength: 100 }), (numbers) => {
        const packed = referenceCodec.pack(numbers);
        const target = new Int32Array(numbers.length);
        expect(referenceCodec.unpack(packed, target)).toBe(packed.length);
        expect(target).toEqual(numbers);
      }),
      { numRuns: 100, seed: 3 },
    );
  });
});

it('an empty frame is no partial', () => {
  const frame = decode(encodeFrame({ type: 'partial', flags: 0, index: 0, id: 7, rows: tokens }));
  expect(() => star(3).receive(0, frame)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
});
