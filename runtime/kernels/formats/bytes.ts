/** Bytes that are also read and written as little-endian words, at any offset. */
export class Bytes {
  readonly u8: Uint8Array;
  readonly #view: DataView;

  constructor(u8: Uint8Array) {
    this.u8 = u8;
    this.#view = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  /** As an int32: words of bytes are for bits, not for counting. */
  word(at: number): number {
    return this.#view.getInt32(at, true);
  }

  setU16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  setWord(at: number, value: number): void {
    this.#view.setInt32(at, value, true);
  }
}
