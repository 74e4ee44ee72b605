/**
 * What the WebAssembly module exports. Pointers are byte offsets into its memory, sizes and strides count
 * elements; shapes, layouts and error bounds are described beside each kernel in `assembly/`.
 */
export interface KernelExports {
  quantizeQ8(x: number, out: number, columns: number, count: number): void;
  quantizeQ8K(x: number, out: number, columns: number, count: number): void;

  readonly matmulF32: MatmulKernel;
  readonly matmulF16: MatmulKernel;
  readonly matmulBF16: MatmulKernel;
  readonly matmulQ8_0: MatmulKernel;
  readonly matmulQ4_0: MatmulKernel;
  readonly matmulQ4_1: MatmulKernel;
  readonly matmulQ5_0: MatmulKernel;
  readonly matmulQ5_1: MatmulKernel;
  readonly matmulQ2_K: MatmulKernel;
  readonly matmulQ3_K: MatmulKernel;
  readonly matmulQ4_K: MatmulKernel;
  readonly matmulQ5_K: MatmulKernel;
  readonly matmulQ6_K: MatmulKernel;
  readonly matmulIQ4_NL: MatmulKernel;
  readonly matmulIQ4_XS: MatmulKernel;

  readonly matmulPanelF32: MatmulPanelKernel;
  readonly matmulPanelF16: MatmulPanelKernel;
  readonly matmulPanelBF16: MatmulPanelKernel;
  readonly matmulPanelQ8_0: MatmulPanelKernel;
  readonly matmulPanelQ4_0: MatmulPanelKernel;
  readonly matmulPanelQ4_1: MatmulPanelKernel;
  readonly matmulPanelQ5_0: MatmulPanelKernel;
  readonly matmulPanelQ5_1: MatmulPanelKernel;
  readonly matmulPanelQ2_K: MatmulPanelKernel;
  readonly matmulPanelQ3_K: MatmulPanelKernel;
  readonly matmulPanelQ4_K: MatmulPanelKernel;
  readonly matmulPanelQ5_K: MatmulPanelKernel;
  readonly matmulPanelQ6_K: MatmulPanelKernel;
  readonly matmulPanelIQ4_NL: MatmulPanelKernel;
  readonly matmulPanelIQ4_XS: MatmulPanelKernel;

  readonly dotRowsQ4_0: DotRowsKernel;
  readonly dotRowsQ8_0: DotRowsKernel;
  readonly addRowsQ4_0: AddRowsKernel;
  readonly addRowsQ8_0: AddRowsKernel;
  readonly groupRowsQ4_0: GroupRowsKernel;
  readonly groupRowsQ8_0: GroupRowsKernel;
  firingNeurons(gate: number, count: number, list: number): number;
  neuronsFrom(score: number, count: number, threshold: number, list: number): number;
  neuronsOverCut(gate: number, count: number, cut: number, list: number): number;
  gatherF32(x: number, list: number, length: number, out: number): void;
  dropZeros(values: number, list: number, length: number): number;

  rmsNorm(
    x: number,
    weight: number,
    y: number,
    size: number,
    count: number,
    epsilon: number,
    scales: number,
  ): void;
  addBias(y: number, bias: number, rows: number, count: number, yStride: number): void;
  relu(x: number, length: number): void;
  readonly swiglu: GluKernel;
  readonly reglu: GluKernel;
  readonly reglu2: GluKernel;
  readonly dreglu: GluKernel;
  softmax(x: number, length: number): void;

  addPartial(
    partial: number,
    fine: number,
    coarse: number,
    size: number,
    count: number,
    scales: number,
    bound: number,
  ): number;
  applySum(
    x: number,
    fine: number,
    coarse: number,
    useCoarse: number,
    size: number,
    count: number,
    scales: number,
  ): void;
  addInt32(target: number, source: number, length: number): void;
  packInt32(source: number, target: number, length: number): number;
  unpackInt32(source: number, sourceBytes: number, target: number, length: number): number;

  ropeTable(
    out: number,
    firstPosition: number,
    count: number,
    frequencies: number,
    pairs: number,
    magnitude: number,
  ): void;
  rope(
    x: number,
    table: number,
    positions: number,
    headCount: number,
    headDim: number,
    pairs: number,
    count: number,
    stride: number,
  ): void;

  readonly storeKvF16: StoreKvKernel;
  readonly storeKvF32: StoreKvKernel;
  readonly storeKvQ8: StoreKvKernel;
  readonly attentionF16: AttentionKernel;
  readonly attentionF32: AttentionKernel;
  readonly attentionQ8: AttentionKernel;

  beginAead(work: number, ad: number, adBytes: number): void;
  sealChunk(work: number, data: number, bytes: number): void;
  openChunk(work: number, data: number, bytes: number): void;
  endAead(work: number, adBytes: number, bytes: number): void;

  exp(x: number): number;
  log(x: number): number;
  pow(x: number, y: number): number;
  sin(x: number): number;
  cos(x: number): number;
}

export type MatmulKernel = (
  w: number,
  x: number,
  y: number,
  paddedRows: number,
  columns: number,
  count: number,
  yStride: number,
) => void;

/** For 4 to 32 tokens, a multiple of 4. */
export type MatmulPanelKernel = (
  w: number,
  x: number,
  y: number,
  paddedRows: number,
  columns: number,
  count: number,
  yStride: number,
  scratch: number,
) => void;

/** A neuron's value, of its gate and up. */
export type GluKernel = (gate: number, up: number, out: number, length: number) => void;

/** Products of listed rows with one token's activations; y has room for a multiple of four. */
export type DotRowsKernel = (
  w: number,
  list: number,
  length: number,
  x: number,
  y: number,
  columns: number,
  stride: number,
) => void;

/** Sum of at most 256 listed rows, each times its value. */
export type AddRowsKernel = (
  w: number,
  list: number,
  length: number,
  values: number,
  y: number,
  columns: number,
  scratch: number,
  stride: number,
) => void;

export type GroupRowsKernel = (w: number, out: number, rows: number, columns: number, stride: number) => void;

export type StoreKvKernel = (
  page: number,
  k: number,
  v: number,
  positionInPage: number,
  headDim: number,
) => void;

export type AttentionKernel = (
  q: number,
  pages: number,
  base: number,
  pageStride: number,
  positions: number,
  tokens: number,
  headDim: number,
  groupSize: number,
  out: number,
  qStride: number,
  outStride: number,
  scratch: number,
  scale: number,
) => void;
