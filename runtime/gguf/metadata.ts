import { HearthError } from '../error.ts';
import type { MetadataValue, NumberArray } from './value.ts';

/** Both ends included. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/**
 * A model's metadata by key, read through getters that check. Each throws HearthError MODEL_BAD_METADATA, naming
 * the key and what was expected, where the value is of another type or out of range; the getters without
 * `optional` also where it is missing. Integers and floats of all widths count as numbers.
 */
export class Metadata {
  readonly #values: ReadonlyMap<string, MetadataValue>;

  constructor(values: ReadonlyMap<string, MetadataValue>) {
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** All values as they are stored, in the file's order, for listing and for writing them again. */
  entries(): Iterable<[string, MetadataValue]> {
    return this.#values.entries();
  }

  string(key: string): string {
    return this.optionalString(key) ?? this.#fail(key, 'a string');
  }

  optionalString(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value.type === 'string') return value?.value;
    return this.#fail(key, 'a string');
  }

  boolean(key: string): boolean {
    return this.optionalBoolean(key) ?? this.#fail(key, 'a boolean');
  }

  optionalBoolean(key: string): boolean | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value.type === 'bool') return value?.value;
    return this.#fail(key, 'a boolean');
  }

  /** Finite: no model means infinity or NaN. */
  number(key: string): number {
    return this.optionalNumber(key) ?? this.#fail(key, 'a finite number');
  }

  optionalNumber(key: string): number | undefined {
    const value = this.#values.get(key)?.value;
    if (value === undefined) return undefined;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#fail(key, 'a finite number');
  }

  integer(key: string, range: IntegerRange): number {
    return this.optionalInteger(key, range) ?? this.#fail(key, integerIn(range));
  }

  optionalInteger(key: string, range: IntegerRange): number | undefined {
    const value = this.#values.get(key)?.value;
    if (value === undefined) return undefined;
    const fits =
      typeof value === 'number' && Number.isSafeInteger(value) && value >= range.min && value <= range.max;
    return fits ? value : this.#fail(key, integerIn(range));
  }

  strings(key: string): readonly string[] {
    return this.optionalStrings(key) ?? this.#fail(key, 'an array of strings');
  }

  optionalStrings(key: string): readonly string[] | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value.type === 'string[]') return value?.value;
    return this.#fail(key, 'an array of strings');
  }

  /** The bytes of those elements of a string array that are not UTF-8, by index. Empty for most models. */
  malformedStrings(key: string): ReadonlyMap<number, Uint8Array> {
    const value = this.#values.get(key);
    return (value?.type === 'string[]' && value.malformed) || new Map();
  }

  booleans(key: string): readonly boolean[] {
    return this.optionalBooleans(key) ?? this.#fail(key, 'an array of booleans');
  }

  optionalBooleans(key: string): readonly boolean[] | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value.type === 'bool[]') return value?.value;
    return this.#fail(key, 'an array of booleans');
  }

  /** A typed array of the stored width: for example Float32Array for scores, Int32Array for token types. */
  numbers(key: string): NumberArray {
    return this.optionalNumbers(key) ?? this.#fail(key, 'an array of numbers');
  }

  optionalNumbers(key: string): NumberArray | undefined {
    const array = this.#values.get(key)?.value;
    if (array === undefined) return undefined;
    if (!ArrayBuffer.isView(array)) return this.#fail(key, 'an array of numbers');
    if (!(array instanceof BigInt64Array || array instanceof BigUint64Array)) return array;
    const numbers = Float64Array.from(array, Number);
    return numbers.every(Number.isSafeInteger) ? numbers : this.#fail(key, 'an array of integers below 2^53');
  }

  #fail(key: string, expected: string): never {
    const value = this.#values.get(key);
    const found = value === undefined ? 'but it is missing' : `not ${describe(value)}`;
    throw new HearthError('MODEL_BAD_METADATA', `the model's metadata ${key} must be ${expected}, ${found}`, {
      key,
      expected,
    });
  }
}

const integerIn = ({ min, max }: IntegerRange): string => `an integer from ${min} to ${max}`;

function describe({ type, value }: MetadataValue): string {
  if (typeof value === 'object') return `${type} of ${value.length}`;
  return typeof value === 'string' ? 'a string' : `${type} ${value}`;
}
