import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { rowFormatOf } from '../kernels/row-formats.ts';
import { predictorOf } from '../model/approximation.ts';
import type { TensorRole } from '../model/architecture.ts';
import type { LayerFormats, ModelDescription } from '../model/description.ts';

/**
 * What a tile is. `base`: the norms, RoPE factors and predictors' input matrices, which every rank holds. `attention`: KV heads with their
 * query heads. `ffn`: neurons. `vocabulary`: rows of the output head.
 */
export type TileKind = 'base' | 'attention' | 'ffn' | 'vocabulary';

/** One tensor's part in a tile: `format` of its packed matrix, or float32 values of a vector. */
export interface TileSection {
  readonly role: TensorRole;
  readonly layer: number;
  readonly format: KernelFormatName | 'vector';
  /** Laid out row by row, see `rowFormats`, in place of groups of rows; the rows are parts of the tile's records. */
  readonly byRow: boolean;
  readonly rows: number;
  readonly columns: number;
  /** Of its first byte in the tile. */
  readonly byteOffset: number;
  /** Of its weights. */
  readonly byteLength: number;
}

/** What a tile has of each neuron in rows, gate, up and down or the last two, side by side: one read brings a neuron. */
export interface NeuronRecords {
  /** Of the first one. What lies before is needed for every token. */
  readonly byteOffset: number;
  /** From one to the next. */
  readonly stride: number;
}

/** The smallest piece of a model that a device may hold; its bytes are `sections`, in the kernels' layout. */
export interface TileSpec {
  /** Position in `tileSpecs`, the tile's name on the wire. */
  readonly id: number;
  readonly kind: TileKind;
  /** −1 for base and vocabulary tiles. */
  readonly layer: number;
  /** The tile's KV heads, neurons or vocabulary rows: [first, first + count). */
  readonly first: number;
  readonly count: number;
  readonly sections: readonly TileSection[];
  readonly byteLength: number;
  /** Of neurons that are computed row by row: the last of its bytes. */
  readonly records?: NeuronRecords;
  /** Neurons of it that are read for a token, on average, where it has records and that is known. */
  readonly firing?: number;
}

/** One K-quant superblock: a column slice of `down` is then whole quant blocks in every format. */
export const ffnTileNeurons = 256;
/** About the bytes of an FFN tile. */
export const vocabularyTileRows = 512;
/** Sections and records start on a cache line. */
const sectionAlignment = 64;

const known = new WeakMap<ModelDescription, readonly TileSpec[]>();

/** All tiles of a model, in the order in which a step needs them. Pure: coordinator and agents derive the same. */
export function tileSpecs(description: ModelDescription): readonly TileSpec[] {
  const specs = known.get(description) ?? specsOf(description);
  known.set(description, specs);
  return specs;
}

function specsOf(description: ModelDescription): readonly TileSpec[] {
  const { config } = description;
  const tiles: Omit<TileSpec, 'id'>[] = [baseTile(description)];
  description.layers.forEach((formats, layer) => {
    for (const [first, count] of runs(config.kvHeadCount, kvHeadsPerTile(description, formats)))
      tiles.push(attentionTile(description, formats, layer, first, count));
    for (const [first, count] of runs(config.intermediateSize, ffnTileNeurons))
      tiles.push(ffnTile(description, formats, layer, first, count));
  });
  for (const [first, count] of runs(config.vocabSize, vocabularyTileRows))
    tiles.push(vocabularyTile(description, first, count));
  return tiles.map((tile, id) => ({ id, ...tile }));
}

/** The fewest KV heads whose query heads' columns of the attention output fill whole quant blocks. */
export function kvHeadsPerTile(description: ModelDescription, formats: LayerFormats): number {
  const { config } = description;
  const { blockColumns } = kernelFormats[formats.attentionOutput];
  const columnsPerKvHead = (config.headCount / config.kvHeadCount) * config.headDim;
  let heads = 1;
  while (heads < config.kvHeadCount && (heads * columnsPerKvHead) % blockColumns !== 0) heads += 1;
  return heads;
}

/** How many tiles of a kind each layer has, on all ranks together. */
export function tilesPerLayer(tiles: readonly TileSpec[], kind: TileKind, layerCount: number): number[] {
  const counts = new Array<number>(layerCount).fill(0);
  for (const tile of tiles) if (tile.kind === kind) counts[tile.layer]! += 1;
  return counts;
}

/** Consecutive half-open runs of `size` that cover [0, total); the last may be shorter. */
function* runs(total: number, size: number): Generator<[first: number, count: number]> {
  for (let first = 0; first < total; first += size) yield [first, Math.min(size, total - first)];
}

type SectionShape = Pick<TileSection, 'role' | 'format' | 'rows' | 'columns'> & {
  layer?: number;
  byRow?: boolean;
};

function baseTile({ config, layers, ropeFactors, approximation }: ModelDescription): Omit<TileSpec, 'id'> {
  const norm = (role: TensorRole, layer: number): SectionShape => ({
    role,
    layer,
    format: 'vector',
    rows: 1,
    columns: config.hiddenSize,
  });
  const sections = layers.flatMap((_, layer) => [norm('attentionNorm', layer), norm('ffnNorm', layer)]);
  sections.push(norm('outputNorm', -1));
  if (ropeFactors)
    sections.push({
      role: 'ropeFactors',
      layer: -1,
      format: 'vector',
      rows: 1,
      columns: config.rope.dimensions / 2,
    });
  layers.forEach((_, layer) => {
    const predictor = predictorOf(approximation, layer);
    if (!predictor) return;
    const { input: format, rank: rows } = predictor;
    sections.push({ role: 'predictorInput', layer, format, rows, columns: config.hiddenSize });
  });
  return assemble('base', -1, 0, 1, sections);
}

function attentionTile(
  { config, attentionBias }: ModelDescription,
  formats: LayerFormats,
  layer: number,
  first: number,
  count: number,
): Omit<TileSpec, 'id'> {
  const kvRows = count * config.headDim;
  const queryRows = kvRows * (config.headCount / config.kvHeadCount);
  const { hiddenSize } = config;
  const sections: SectionShape[] = [
    { role: 'query', format: formats.query, rows: queryRows, columns: hiddenSize },
    { role: 'key', format: formats.key, rows: kvRows, columns: hiddenSize },
    { role: 'value', format: formats.value, rows: kvRows, columns: hiddenSize },
    { role: 'attentionOutput', format: formats.attentionOutput, rows: hiddenSize, columns: queryRows },
  ];
  if (attentionBias) {
    sections.push(
      { role: 'queryBias', format: 'vector', rows: 1, columns: queryRows },
      { role: 'keyBias', format: 'vector', rows: 1, columns: kvRows },
      { role: 'valueBias', format: 'vector', rows: 1, columns: kvRows },
    );
  }
  return assemble('attention', layer, first, count, sections);
}

function ffnTile(
  { config: { hiddenSize }, neuronRows: byRow, approximation, firing }: ModelDescription,
  formats: LayerFormats,
  layer: number,
  first: number,
  count: number,
): Omit<TileSpec, 'id'> {
  const perNeuron = { rows: count, columns: hiddenSize };
  const predictor = predictorOf(approximation, layer);
  const scores: SectionShape[] = predictor
    ? [
        { role: 'predictorOutput', format: predictor.output, rows: count, columns: predictor.rank },
        { role: 'predictorBias', format: 'vector', rows: 1, columns: count },
      ]
    : [];
  const tile = assemble('ffn', layer, first, count, [
    ...scores,
    { role: 'gate', format: formats.gate, ...perNeuron, byRow: predictor !== undefined },
    { role: 'up', format: formats.up, ...perNeuron, byRow },
    byRow
      ? { role: 'down', format: formats.down, ...perNeuron, byRow }
      : { role: 'down', format: formats.down, rows: hiddenSize, columns: count },
  ]);
  return firing ? { ...tile, firing: firing[layer]![first / ffnTileNeurons]! } : tile;
}

function vocabularyTile(
  { config, outputFormat }: ModelDescription,
  first: number,
  count: number,
): Omit<TileSpec, 'id'> {
  const section: SectionShape = {
    role: 'output',
    format: outputFormat,
    rows: count,
    columns: config.hiddenSize,
  };
  return assemble('vocabulary', -1, first, count, [section]);
}

function assemble(
  kind: TileKind,
  layer: number,
  first: number,
  count: number,
  shapes: readonly SectionShape[],
): Omit<TileSpec, 'id'> {
  let byteOffset = 0;
  const sections = shapes
    .filter(({ byRow }) => !byRow)
    .map((shape): TileSection => {
      const byteLength = sectionBytes(shape);
      const section = { byRow: false, ...shape, layer: shape.layer ?? layer, byteOffset, byteLength };
      byteOffset = aligned(byteOffset + byteLength);
      return section;
    });
  const tile = { kind, layer, first, count };
  const inRows = shapes.filter(({ byRow }) => byRow);
  if (inRows.length === 0) return { ...tile, sections, byteLength: byteOffset };

  const records = { byteOffset, stride: 0 };
  for (const shape of inRows) {
    const rowBytes = sectionBytes({ ...shape, rows: 1 });
    const place = { byteOffset: byteOffset + records.stride, byteLength: shape.rows * rowBytes };
    sections.push({ ...shape, byRow: true, layer: shape.layer ?? layer, ...place });
    records.stride += rowBytes;
  }
  records.stride = aligned(records.stride);
  return { ...tile, sections, byteLength: byteOffset + count * records.stride, records };
}

function aligned(byteOffset: number): number {
  return Math.ceil(byteOffset / sectionAlignment) * sectionAlignment;
}

function sectionBytes({ format, byRow, rows, columns }: SectionShape): number {
  if (format === 'vector') return rows * columns * 4;
  if (byRow) return rows * rowFormatOf(format).rowBytes(columns);
  return kernelFormats[format].packedBytes(rows, columns);
}
