import type { TensorFile } from '../gguf/tensor-file.ts';
import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { rowFormatOf } from '../kernels/row-formats.ts';
import type { Architecture, TensorRule } from '../model/architecture.ts';
import type { ModelConfig } from '../model/config.ts';
import { predictorTensors } from '../model/approximation.ts';
import { tensorName } from '../model/describe.ts';
import type { ModelDescription } from '../model/description.ts';
import { layerRules } from '../model/tensor-rules.ts';
import { quantFormatNamed } from '../quant/registry.ts';
import { ColumnReader, type StoredRows } from './column-reader.ts';
import { halfSplitOrder } from './rope-order.ts';
import type { TileSection, TileSpec } from './spec.ts';

/** What of a rule a section is cut by. */
type CutRule = Omit<TensorRule, 'shape'>;

/** Columns [first, first + columns) of rows that are stored whole. */
interface Slice {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstColumn: number;
  readonly columns: number;
}

/** Memory that is used again and again: new memory is slow, and garbage of this size stays long. */
class Scratch {
  #bytes = new Uint8Array(0);

  take(byteLength: number): Uint8Array {
    if (this.#bytes.length < byteLength) this.#bytes = new Uint8Array(byteLength);
    return this.#bytes.subarray(0, byteLength);
  }
}

/** Rows that are parts of records reach into the last of these. */
function sectionEnd(tile: TileSpec, { byRow, byteOffset, byteLength }: TileSection): number {
  return byRow ? tile.byteLength : byteOffset + byteLength;
}

/** Cuts tiles out of a GGUF file, one at a time: reads a tensor's part, brings it to the kernels' layout. */
export class TileCutter {
  readonly #file: TensorFile;
  readonly #architecture: Architecture;
  readonly #layerTensors: readonly CutRule[];
  readonly #config: ModelConfig;
  readonly #columns: ColumnReader;
  readonly #rows = new Scratch();
  readonly #ordered = new Scratch();
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: TensorFile, architecture: Architecture, description: ModelDescription) {
    this.#file = file;
    this.#architecture = architecture;
    this.#layerTensors = [...layerRules(architecture, description.neuronRows), ...predictorTensors];
    this.#config = description.config;
    this.#columns = new ColumnReader(file);
  }

  /** @param target `tile.byteLength` bytes; the gaps between sections stay what they are */
  cut(tile: TileSpec, target: Uint8Array): Promise<void> {
    const turn = this.#last.then(() => this.#cut(tile, target));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #cut(tile: TileSpec, target: Uint8Array): Promise<void> {
    for (const section of tile.sections) {
      const part = target.subarray(section.byteOffset, sectionEnd(tile, section));
      if (section.format === 'vector') await this.#cutVector(tile, section, part);
      else await this.#cutMatrix(tile, section, part);
    }
  }

  #rule(section: TileSection): { rule: CutRule; name: string } {
    const rules: readonly CutRule[] =
      section.layer < 0 ? this.#architecture.globalTensors : this.#layerTensors;
    const rule = rules.find((candidate) => candidate.role === section.role)!;
    return { rule, name: tensorName(this.#file, rule, section.layer)! };
  }

  async #cutVector(tile: TileSpec, section: TileSection, target: Uint8Array): Promise<void> {
    const { rule, name } = this.#rule(section);
    const format = quantFormatNamed(this.#file.tensors.get(name)!.type);
    const stored = await this.#file.readTensor(name);
    const values = new Float32Array((stored.length / format.blockBytes) * format.blockSize);
    format.decode(stored, values);
    const { firstRow, rows } = this.#slice(tile, section, rule);
    const part = rule.split === 'whole' ? values : values.slice(firstRow, firstRow + rows);
    const ordered = this.#isRotated(section) ? this.#reorder(part, 1, new Float32Array(part.length)) : part;
    target.set(new Uint8Array(ordered.buffer, ordered.byteOffset, ordered.byteLength));
  }

  async #cutMatrix(tile: TileSpec, section: TileSection, target: Uint8Array): Promise<void> {
    const { rule, name } = this.#rule(section);
    const slice = this.#slice(tile, section, rule);
    const { bytes, stride } = await this.#readSlice(name, slice);
    const rows = this.#isRotated(section)
      ? this.#reorder(bytes, stride, this.#ordered.take(bytes.length))
      : bytes;
    const type = section.format as KernelFormatName;
    if (!section.byRow) kernelFormats[type].pack(rows, section.rows, section.columns, target, stride);
    else rowFormatOf(type).pack(rows, section.rows, section.columns, target, stride, tile.records!.stride);
  }

  #slice(tile: TileSpec, section: TileSection, rule: CutRule): Slice {
    if (rule.split === 'whole')
      return { firstRow: 0, rows: section.rows, firstColumn: 0, columns: section.columns };
    const { headCount, kvHeadCount, headDim } = this.#config;
    const perTileUnit = {
      'query-head-rows': (headCount / kvHeadCount) * headDim,
      'query-head-columns': (headCount / kvHeadCount) * headDim,
      'kv-head-rows': headDim,
      'neuron-rows': 1,
      'neuron-columns': 1,
      'vocabulary-rows': 1,
    }[rule.split];
    const first = tile.first * perTileUnit;
    const count = tile.count * perTileUnit;
    if (rule.split.endsWith('columns'))
      return { firstRow: 0, rows: section.rows, firstColumn: first, columns: count };
    return { firstRow: first, rows: count, firstColumn: 0, columns: section.columns };
  }

  /** GGUF bytes of a slice. Column borders lie on quant blocks. */
  async #readSlice(name: string, slice: Slice): Promise<StoredRows> {
    const tensor = this.#file.tensors.get(name)!;
    const { blockSize, blockBytes } = quantFormatNamed(tensor.type);
    const rowBytes = (tensor.shape.at(-1)! / blockSize) * blockBytes;
    const sliceBytes = (slice.columns / blockSize) * blockBytes;
    if (sliceBytes === rowBytes) {
      const byteLength = slice.rows * rowBytes;
      const buffer = this.#rows.take(byteLength);
      const bytes = await this.#file.readTensor(name, slice.firstRow * rowBytes, byteLength, buffer);
      return { bytes, stride: rowBytes };
    }
    const first = (slice.firstColumn / blockSize) * blockBytes;
    return this.#columns.read({ name, rows: slice.rows, rowBytes, first, count: sliceBytes });
  }

  #isRotated(section: TileSection): boolean {
    const rotated = ['query', 'key', 'queryBias', 'keyBias'].includes(section.role);
    return rotated && this.#architecture.ropePairing === 'interleaved';
  }

  /** Brings the rows of each head to half-split order, so that the kernels know one kind of RoPE. */
  #reorder<T extends Uint8Array | Float32Array>(rows: T, elementsPerRow: number, ordered: T): T {
    const { headDim, rope } = this.#config;
    const order = halfSplitOrder(headDim, rope.dimensions);
    const rowCount = rows.length / elementsPerRow;
    for (let row = 0; row < rowCount; row += 1) {
      const from = (Math.floor(row / headDim) * headDim + order[row % headDim]!) * elementsPerRow;
      ordered.set(rows.subarray(from, from + elementsPerRow), row * elementsPerRow);
    }
    return ordered;
  }
}
