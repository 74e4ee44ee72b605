import { malformed } from './frame.ts';

/**
 * Reads the fields of an unpacked map one by one, each with its type and range. Unknown and missing fields are
 * errors as wrong ones are, so that what passes is exactly what the message's type says.
 * Every method throws HearthError FRAME_MALFORMED, naming the field.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #read = new Set<string>();

  /** @param path what messages call the map, for example `configure.options` */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
      throw malformed(`${path} is not a map`);
    this.#values = value as Record<string, unknown>;
    this.#path = path;
  }

  get keys(): string[] {
    return Object.keys(this.#values);
  }

  take(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  integer(key: string, min: number, max: number): number {
    return checkInteger(this.take(key), this.#name(key), min, max);
  }

  /** A finite number in [min, max]. */
  number(key: string, min: number, max: number): number {
    const value = this.take(key);
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw malformed(`${this.#name(key)} is not a number from ${min} to ${max}`);
    return value;
  }

  boolean(key: string): boolean {
    const value = this.take(key);
    if (typeof value !== 'boolean') throw malformed(`${this.#name(key)} is not true or false`);
    return value;
  }

  /** @param maxLength in UTF-16 units */
  string(key: string, maxLength: number): string {
    const value = this.take(key);
    if (typeof value !== 'string' || value.length > maxLength)
      throw malformed(`${this.#name(key)} is not a string of at most ${maxLength} characters`);
    return value;
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const value = this.take(key);
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw malformed(`${this.#name(key)} is none of ${choices.join(', ')}`);
    return choice;
  }

  /** A copy of exactly `byteLength` bytes. */
  bytes(key: string, byteLength: number): Uint8Array {
    const value = this.take(key);
    if (!(value instanceof Uint8Array) || value.length !== byteLength)
      throw malformed(`${this.#name(key)} is not ${byteLength} bytes`);
    return Uint8Array.from(value);
  }

  /** A view of at most `maxBytes` bytes of the message. */
  bytesUpTo(key: string, maxBytes: number): Uint8Array {
    const value = this.take(key);
    if (!(value instanceof Uint8Array) || value.length > maxBytes)
      throw malformed(`${this.#name(key)} is not at most ${maxBytes} bytes`);
    return value;
  }

  map(key: string): Fields {
    return new Fields(this.take(key), this.#name(key));
  }

  list(key: string, maxLength: number): readonly unknown[] {
    const value = this.take(key);
    if (!Array.isArray(value) || value.length > maxLength)
      throw malformed(`${this.#name(key)} is not a list of at most ${maxLength} items`);
    return value;
  }

  /** Integers in [0, max], ascending, none twice. */
  ascendingIntegers(key: string, max: number, maxLength: number): number[] {
    let least = 0;
    return this.list(key, maxLength).map((value, i) => {
      const integer = checkInteger(value, `${this.#name(key)}[${i}]`, least, max);
      least = integer + 1;
      return integer;
    });
  }

  /** Ends the reading: whatever has not been read should not be there. */
  done(): void {
    const unknown = this.keys.find((key) => !this.#read.has(key));
    if (unknown !== undefined) throw malformed(`${this.#path} has an unknown field`);
  }

  #name(key: string): string {
    return `${this.#path}.${key}`;
  }
}

function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw malformed(`${name} is not an integer from ${min} to ${max}`);
  return value;
}
