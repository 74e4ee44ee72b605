import type { RankOptions } from '../decoder/rank-options.ts';
import { ffnProducts } from '../gpu/ffn/ffn-products.ts';
import type { KernelFormatName } from '../kernels/formats.ts';
import { kvPageBytes, pagePositions } from '../kernels/kv-page.ts';
import { predictorOf } from '../model/approximation.ts';
import type { TensorRole } from '../model/architecture.ts';
import type { ModelDescription } from '../model/description.ts';
import type { RowShares } from '../model/row-shares.ts';
import { type TileKind, type TileSpec, tileSpecs } from '../tile/spec.ts';
import { tileLoads } from './tile-loads.ts';

/** What multiplies one token's activations: the tiles of one kind in one layer, or those of the output head. */
export interface TileWork {
  readonly kind: TileKind;
  readonly tiles: number;
  /** Id of the first; the others follow it. */
  readonly firstTile: number;
  readonly byteLength: number;
  /** Of the largest tile: the last may be a smaller one. */
  readonly tileBytes: number;
  /** What a token by itself reads of each, in means of all; undefined where that is the same, or not known. */
  readonly loads: readonly number[] | undefined;
  /** Whether a GPU may compute some of the tiles. */
  readonly forGpus: boolean;
  readonly matrices: readonly MatrixWork[];
}

/** All matrices of one weight type among them. */
export interface MatrixWork {
  readonly format: KernelFormatName;
  /** That a token by itself reads: less than all, where neurons are skipped. */
  readonly byteLength: number;
  readonly weights: number;
}

/** What a model asks of the devices that compute it. */
export interface ModelWork {
  readonly description: ModelDescription;
  readonly options: RankOptions;
  readonly specs: readonly TileSpec[];
  /** Two for each layer, attention and FFN: what lies between two syncs. */
  readonly sublayers: readonly TileWork[];
  readonly vocabulary: TileWork;
  /** Every rank holds the base tile. */
  readonly baseBytes: number;
  /** K and V of one position in an attention tile's heads, in one layer. */
  readonly kvBytesPerPosition: number;
  /** Of all the positions that a rank allocates pages for. */
  readonly kvBytesPerTile: number;
}

/**
 * @param options what each rank allocates; its longest step is how a prompt is read
 * @param shares of each layer, where neurons are skipped
 */
export function modelWork(
  description: ModelDescription,
  options: RankOptions,
  shares?: readonly RowShares[],
): ModelWork {
  const { config } = description;
  const sublayers: TileSpec[][] = Array.from({ length: 2 * config.layerCount }, () => []);
  const vocabulary: TileSpec[] = [];
  const specs = tileSpecs(description);
  let baseBytes = 0;
  for (const spec of specs) {
    if (spec.kind === 'base') baseBytes += spec.byteLength;
    else if (spec.kind === 'vocabulary') vocabulary.push(spec);
    else sublayers[2 * spec.layer + (spec.kind === 'ffn' ? 1 : 0)]!.push(spec);
  }
  const works = sublayers.map((tiles) => {
    const { layer } = tiles[0]!;
    return workOf(tiles, shares?.[layer], predictorOf(description.approximation, layer)?.input);
  });
  const headsPerTile = config.kvHeadCount / works[0]!.tiles;
  const pageBytes = kvPageBytes(config.headDim, options.kvFormat);
  return {
    description,
    options,
    specs,
    sublayers: works,
    vocabulary: workOf(vocabulary),
    baseBytes,
    kvBytesPerPosition: (headsPerTile * pageBytes) / pagePositions,
    kvBytesPerTile: headsPerTile * pageBytes * options.kvPages,
  };
}

function workOf(specs: readonly TileSpec[], shares?: RowShares, predictorInput?: KernelFormatName): TileWork {
  const matrices = new Map<KernelFormatName, { byteLength: number; weights: number }>();
  for (const { role, format, rows, columns, byteLength } of specs.flatMap((spec) => spec.sections)) {
    if (format === 'vector') continue;
    const sum = matrices.get(format) ?? { byteLength: 0, weights: 0 };
    matrices.set(format, {
      byteLength: sum.byteLength + byteLength * readShare(role, shares),
      weights: sum.weights + rows * columns,
    });
  }
  return {
    kind: specs[0]!.kind,
    tiles: specs.length,
    firstTile: specs[0]!.id,
    byteLength: specs.reduce((sum, { byteLength }) => sum + byteLength, 0),
    tileBytes: Math.max(...specs.map(({ byteLength }) => byteLength)),
    loads: tileLoads(specs),
    forGpus: specs[0]!.kind === 'ffn' && ffnProducts(specs[0]!, predictorInput) !== undefined,
    matrices: [...matrices].map(([format, sums]) => ({ format, ...sums })),
  };
}

/** The part of a matrix that a token by itself reads. */
function readShare(role: TensorRole, shares: RowShares | undefined): number {
  if (role === 'gate') return shares?.gate ?? 1;
  return role === 'up' || role === 'down' ? (shares?.neurons ?? 1) : 1;
}

/** Bytes that so many of the tiles take at most. */
export function bytesOfTiles({ tileBytes, byteLength }: TileWork, tiles: number): number {
  return Math.min(byteLength, tileBytes * tiles);
}

/** Bytes of all weights, the base tile once. */
export function weightBytes({ sublayers, vocabulary, baseBytes }: ModelWork): number {
  return sublayers.reduce((sum, { byteLength }) => sum + byteLength, baseBytes + vocabulary.byteLength);
}
