import { ByteWriter } from './byte-writer.ts';
import { lenientUtf8, strictUtf8 } from './utf8.ts';

export interface DecodedStrings {
  readonly value: readonly string[];
  /** The bytes of those that are not UTF-8, by index; absent where all are. */
  readonly malformed?: ReadonlyMap<number, Uint8Array>;
}

/**
 * The strings of a metadata array, kept as they are stored and decoded when somebody wants them: a vocabulary is most
 * of a header, and who only computes never looks at it.
 */
export class StringTable {
  readonly #ends: Uint32Array;
  #count = 0;
  #length = 0;
  #stored: ByteWriter | undefined = new ByteWriter();
  #decoded: DecodedStrings | undefined;

  constructor(length: number) {
    this.#ends = new Uint32Array(length);
  }

  add(string: Uint8Array): void {
    this.#stored!.bytes(string);
    this.#length += string.length;
    this.#ends[this.#count++] = this.#length;
  }

  get decoded(): DecodedStrings {
    this.#decoded ??= this.#decode(this.#stored!.padded(1));
    this.#stored = undefined;
    return this.#decoded;
  }

  #decode(stored: Uint8Array): DecodedStrings {
    const value: string[] = [];
    const malformed = new Map<number, Uint8Array>();
    let start = 0;
    for (const [i, end] of this.#ends.entries()) {
      const bytes = stored.subarray(start, end);
      const string = lenientUtf8.decode(bytes);
      value.push(string);
      if (string.includes('\ufffd') && !isUtf8(bytes)) malformed.set(i, bytes.slice());
      start = end;
    }
    return malformed.size > 0 ? { value, malformed } : { value };
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
