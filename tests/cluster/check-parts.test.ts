import { describe, expect, it } from 'vitest';
import { compareBits, differenceInWords } from '../../coordinator/checking/difference.ts';
import { type Spot, spotInWords, spotsOf } from '../../coordinator/checking/spot.ts';
import { Turns } from '../../coordinator/checking/turns.ts';
import { Hub } from '../../coordinator/cluster/hub.ts';
import { widePacking } from '../../device-agent/wide-packing.ts';
import { encodePlanes } from '../../runtime/collective/partial-frame.ts';
import { pipeline } from '../../runtime/plan/layouts.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { Random } from '../support/random.ts';
import { fakeAssignment, fakeModel, fakeRankOptions } from './fake-model.ts';

const { tiles, description } = fakeModel();

describe('turns', () => {
  const spots = [0, 1, 2].flatMap((rank) => spotsOf({ ...fakeAssignment(1), rank }, tiles));
  const turns = (): Turns => {
    const random = new Random(5);
    const made = new Turns(() => random.integer(1 << 16));
    made.restart(spots);
    return made;
  };

  it('look at each rank first, and at each part once before any is looked at twice', () => {
    const order = turns();
    const first = Array.from({ length: 2 * spots.length }, (_, i) => {
      if (i >= 3) order.owe();
      const spot = order.next()!;
      order.done(spot);
      return spot;
    });
    expect(new Set(first.slice(0, 3).map(({ rank }) => rank)).size).toBe(3);
    expect(new Set(first.slice(0, spots.length)).size).toBe(spots.length);
    expect(new Set(first.slice(spots.length)).size).toBe(spots.length);
    expect(first.slice(0, spots.length)).not.toEqual(first.slice(spots.length));
  });

  it('come when they are due, one at a time, and wait for what may be looked at', () => {
    const order = turns();
    for (let i = 0; i < 3; i += 1) order.done(order.next()!);
    expect(order.next()).toBeUndefined();
    order.owe();
    order.owe();
    const isVocabulary = ({ kind }: Spot) => kind === 'vocabulary';
    const spot = order.next(isVocabulary)!;
    expect(spot.kind).toBe('vocabulary');
    expect(order.next(() => false)).toBeUndefined();
    order.done(spot);
    expect(order.next()).toBeUndefined();
  });
});

it('parts are the tiles of one layer and kind, and a few of the output head', () => {
  const spots = spotsOf(fakeAssignment(1), tiles);
  const kept = tiles.filter(({ kind }) => kind !== 'base');
  expect(spots.flatMap((spot) => spot.tiles.map(({ id }) => id))).toEqual(kept.map(({ id }) => id));
  expect(spots.filter(({ kind }) => kind === 'ffn').map(({ layer }) => layer)).toEqual([0, 1]);
  expect(spotInWords(spots[0]!)).toBe('the attention of layer 0 (tiles 1 to 4)');
  expect(spotInWords({ ...spots.at(-1)!, tiles: [tiles.at(-1)!] })).toBe(
    `the output head (tile ${tiles.length - 1})`,
  );
});

it('bits are compared, of the tokens that count, and told by their place', () => {
  const right = new Uint32Array(12).map((_, i) => i);
  const sent = right.slice();
  const place = { firstToken: 5, firstIndex: 100 };
  expect(compareBits('fine', right, sent, 4, [0, 1, 2], place)).toBeUndefined();
  sent[1]! ^= 1;
  sent[6] = 0xffff_fffe;
  sent[7] = 0;
  expect(compareBits('fine', right, sent, 4, [2], place)).toBeUndefined();
  const difference = compareBits('fine', right, sent, 4, [1, 2], place)!;
  expect(difference).toEqual({
    of: 'fine',
    token: 6,
    index: 102,
    expected: 6,
    got: 0xffff_fffe,
    differing: 2,
    compared: 8,
  });
  expect(differenceInWords(difference)).toBe(
    'value 102 of the fine sums, token 6, came as 0xfffffffe and should be 0x00000006; 2 of 8 values differ',
  );
});

it('sums that are shown are packed as any', () => {
  const random = new Random(3);
  const values = new Int32Array(70).map(() => random.integer(2 ** 32) | 0);
  values.set([0, -1, 2 ** 31 - 1, -(2 ** 31)]);
  values.fill(0, 32, 60);
  values[33] = -70_000;
  values.fill(3, 64);
  const unpacked = new Int32Array(70);
  const bytes = widePacking.pack(values);
  expect(referenceCodec.unpack(bytes, unpacked)).toBe(bytes.length);
  expect(unpacked).toEqual(values);
  expect(bytes.length).toBe(3 + 32 * 4 + 32 * 4 + 6);
});

it('the hub takes sums that are shown once, of who computes them, if they are asked for', () => {
  const { config } = description;
  const hub = new Hub(pipeline(config.layerCount, [1, 1], 32), config, fakeRankOptions, () => referenceCodec);
  const header = { stepId: 3, sequences: [{ slot: 0, start: 0, count: 1, logits: 'last' as const }] };
  const sum = (syncIndex: number): Frame => {
    const planes = referenceCodec.allocatePlanes(config.hiddenSize);
    const bytes = encodePlanes('partial', { stepId: 3, syncIndex, first: 0, tokens: 1 }, planes, widePacking);
    return decodeFrame(bytes, defaultFrameLimits);
  };
  hub.begin(header);
  expect(() => hub.receive(0, sum(0))).toThrow(/nobody needs/);
  hub.begin(header, true);
  expect(() => hub.receive(1, sum(0))).toThrow(/nobody needs/);
  expect(hub.receive(0, sum(0))).toEqual([]);
  expect(() => hub.receive(0, sum(0))).toThrow(/nobody needs/);
  expect(hub.receive(1, sum(3))).toEqual([]);
  expect(() => hub.receive(1, sum(4))).toThrow(/nobody needs/);
});
