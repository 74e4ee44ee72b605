import type { TensorFile } from '../gguf/tensor-file.ts';

/** Rows as they stand in the file, or in part of it. */
export interface StoredRows {
  readonly bytes: Uint8Array;
  /** From one row's first byte to the next one's. */
  readonly stride: number;
}

/** Rows [0, rows) of a tensor that are `rowBytes` long each, of which bytes [first, first + count) are wanted. */
export interface ColumnSlice {
  readonly name: string;
  readonly rows: number;
  readonly rowBytes: number;
  readonly first: number;
  readonly count: number;
}

export interface ColumnReaderSizes {
  /** Rows are read in bands of about so many bytes. */
  readonly bandBytes?: number;
  /** What is kept of them, unless one slice is larger. */
  readonly keptBytes?: number;
}

/**
 * Reads columns of tensors that are stored by rows. All of a tensor passes through memory for a slice of its columns, so
 * those that follow, which neighbouring tiles need next, are kept: but as many only as fit, since a tensor may be large.
 */
export class ColumnReader {
  readonly #file: Pick<TensorFile, 'readTensor'>;
  readonly #bandBytes: number;
  readonly #keptBytes: number;
  #band = new Uint8Array(0);
  #memory = new Uint8Array(0);
  #kept: ColumnSlice | undefined;

  constructor(
    file: Pick<TensorFile, 'readTensor'>,
    { bandBytes = 1 << 18, keptBytes = 1 << 21 }: ColumnReaderSizes = {},
  ) {
    this.#file = file;
    this.#bandBytes = bandBytes;
    this.#keptBytes = keptBytes;
  }

  /** @returns the slice's rows, which stay until the next call; `bytes` begins with the slice */
  async read(slice: ColumnSlice): Promise<StoredRows> {
    const kept = this.#kept && holds(this.#kept, slice) ? this.#kept : await this.#fill(this.#widened(slice));
    return { bytes: this.#memory.subarray(slice.first - kept.first), stride: kept.count };
  }

  /** With the slices of the same width that follow, as many as fit. */
  #widened(slice: ColumnSlice): ColumnSlice {
    const fitting = Math.max(1, Math.floor(this.#keptBytes / (slice.rows * slice.count)));
    return { ...slice, count: Math.min(fitting * slice.count, slice.rowBytes - slice.first) };
  }

  async #fill(wanted: ColumnSlice): Promise<ColumnSlice> {
    const { name, rows, rowBytes, first, count } = wanted;
    // While it is being read it is not there, and if reading fails it never is.
    this.#kept = undefined;
    const bandRows = Math.max(1, Math.floor(this.#bandBytes / rowBytes));
    if (this.#band.length < bandRows * rowBytes) this.#band = new Uint8Array(bandRows * rowBytes);
    if (this.#memory.length < rows * count) this.#memory = new Uint8Array(rows * count);
    for (let row = 0; row < rows; row += bandRows) {
      const byteLength = Math.min(bandRows, rows - row) * rowBytes;
      const band = await this.#file.readTensor(name, row * rowBytes, byteLength, this.#band);
      for (let from = first, to = row * count; from < byteLength; from += rowBytes, to += count)
        this.#memory.set(band.subarray(from, from + count), to);
    }
    this.#kept = wanted;
    return wanted;
  }
}

function holds(kept: ColumnSlice, { name, first, count }: ColumnSlice): boolean {
  return kept.name === name && kept.first <= first && first + count <= kept.first + kept.count;
}
