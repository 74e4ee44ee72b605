import { describe, expect, test } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { Metadata } from '../../runtime/gguf/metadata.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';

const values: Record<string, MetadataValue> = {
  text: { type: 'string', value: 'llama' },
  flag: { type: 'bool', value: false },
  count: { type: 'uint32', value: 12 },
  negative: { type: 'int32', value: -3 },
  real: { type: 'float32', value: 0.5 },
  infinite: { type: 'float32', value: Number.POSITIVE_INFINITY },
  huge: { type: 'uint64', value: 2n ** 60n },
  words: { type: 'string[]', value: ['a', 'b'] },
  flags: { type: 'bool[]', value: [true, false] },
  scores: { type: 'float32[]', value: Float32Array.of(1, 2) },
  longs: { type: 'int64[]', value: BigInt64Array.of(-4n, 2n ** 53n - 1n) },
  hugeLongs: { type: 'uint64[]', value: BigUint64Array.of(2n ** 53n) },
};
const metadata = new Metadata(new Map(Object.entries(values)));
const range = { min: 1, max: 100 };

const getters = {
  string: (key: string) => metadata.string(key),
  boolean: (key: string) => metadata.boolean(key),
  number: (key: string) => metadata.number(key),
  integer: (key: string) => metadata.integer(key, range),
  strings: (key: string) => metadata.strings(key),
  booleans: (key: string) => metadata.booleans(key),
  numbers: (key: string) => metadata.numbers(key),
};
const optionalGetters: typeof getters extends Record<infer Name, unknown>
  ? Record<Name, (key: string) => unknown>
  : never = {
  string: (key) => metadata.optionalString(key),
  boolean: (key) => metadata.optionalBoolean(key),
  number: (key) => metadata.optionalNumber(key),
  integer: (key) => metadata.optionalInteger(key, range),
  strings: (key) => metadata.optionalStrings(key),
  booleans: (key) => metadata.optionalBooleans(key),
  numbers: (key) => metadata.optionalNumbers(key),
};

/** Which keys each getter answers, with what; all others are of the wrong type or out of range. */
const answers: Record<keyof typeof getters, Record<string, unknown>> = {
  string: { text: 'llama' },
  boolean: { flag: false },
  number: { count: 12, negative: -3, real: 0.5 },
  integer: { count: 12 },
  strings: { words: ['a', 'b'] },
  booleans: { flags: [true, false] },
  numbers: { scores: Float32Array.of(1, 2), longs: Float64Array.of(-4, 2 ** 53 - 1) },
};

describe.each(Object.keys(getters) as (keyof typeof getters)[])('%s', (name) => {
  test.each(Object.keys(values))('of %s', (key) => {
    for (const get of [getters[name], optionalGetters[name]]) {
      if (key in answers[name]) expect(get(key)).toEqual(answers[name][key]);
      else expect(() => get(key)).toThrow(expect.objectContaining({ code: 'MODEL_BAD_METADATA' }));
    }
  });

  test('of a missing key is an error that names it, or undefined where optional', () => {
    expect(() => getters[name]('absent.key')).toThrow(/absent\.key must be .* but it is missing/);
    expect(optionalGetters[name]('absent.key')).toBeUndefined();
  });
});

test('errors say what was expected and what is there', () => {
  const messages: [() => unknown, string][] = [
    [() => metadata.string('count'), 'count must be a string, not uint32 12'],
    [() => metadata.integer('negative', range), 'negative must be an integer from 1 to 100, not int32 -3'],
    [() => metadata.number('text'), 'text must be a finite number, not a string'],
    [() => metadata.strings('scores'), 'scores must be an array of strings, not float32[] of 2'],
    [
      () => metadata.integer('huge', range),
      'huge must be an integer from 1 to 100, not uint64 1152921504606846976',
    ],
  ];
  for (const [get, message] of messages) expect(get).toThrow(message);
  expect(() => metadata.string('count')).toThrow(HearthError);
});

test('the ends of an integer range are in it', () => {
  expect(metadata.integer('count', { min: 12, max: 12 })).toBe(12);
  expect(() => metadata.integer('count', { min: 13, max: 20 })).toThrow(HearthError);
  expect(() => metadata.integer('count', { min: 1, max: 11 })).toThrow(HearthError);
});

test('keys and entries list all in order', () => {
  expect([...metadata.keys()]).toEqual(Object.keys(values));
  expect([...metadata.entries()]).toEqual(Object.entries(values));
  expect([metadata.has('text'), metadata.has('absent')]).toEqual([true, false]);
});
