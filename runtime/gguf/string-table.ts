const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

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
  #bytes = new Uint8Array(1024);
  #count = 0;
  #decoded: DecodedStrings | undefined;

  constructor(length: number) {
    this.#ends = new Uint32Array(length);
  }

  add(string: Uint8Array): void {
    const start = this.#start(this.#count);
    const end = start + string.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#bytes.set(string, start);
    this.#ends[this.#count++] = end;
  }

  get decoded(): DecodedStrings {
    this.#decoded ??= this.#decode();
    return this.#decoded;
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  #decode(): DecodedStrings {
    const value: string[] = [];
    const malformed = new Map<number, Uint8Array>();
    for (let i = 0; i < this.#count; i++) {
      const bytes = this.#bytes.subarray(this.#start(i), this.#ends[i]);
      const string = lenientUtf8.decode(bytes);
      value.push(string);
      if (string.includes('\ufffd') && !isUtf8(bytes)) malformed.set(i, bytes.slice());
    }
    this.#bytes = new Uint8Array(0);
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
