const FIRST_CAPACITY = 4096;

/** Little-endian bytes that grow as they are written. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #utf8 = new TextEncoder();

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** @param value a safe integer, not negative */
  u64(value: number): void {
    this.u32(value % 0x100000000);
    this.u32(Math.floor(value / 0x100000000));
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** GGUF's strings: length as u64, then UTF-8, or bytes as they are. */
  string(value: string | Uint8Array): void {
    const bytes = typeof value === 'string' ? this.#utf8.encode(value) : value;
    this.u64(bytes.length);
    this.bytes(bytes);
  }

  /** A copy of all that was written, with zeros up to the next multiple of `alignment`. */
  padded(alignment: number): Uint8Array {
    const padded = new Uint8Array(Math.ceil(this.#length / alignment) * alignment);
    padded.set(this.#bytes.subarray(0, this.#length));
    return padded;
  }

  #reserve(byteLength: number): void {
    const needed = this.#length + byteLength;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
