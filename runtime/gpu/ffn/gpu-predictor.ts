import { activationBytes } from '../../kernels/activations.ts';
import type { TileSection } from '../../tile/spec.ts';
import { type Dispatch, dispatchOf, encode } from '../dispatch.ts';
import type { Gpu } from '../gpu.ts';
import { groupings, tokenGroups } from '../token-groups.ts';
import { projectedRows, projectionPlace } from '../wgsl/project.ts';
import { padded, quantizeRun } from '../wgsl/quantize.ts';
import type { RowProduct } from '../wgsl/row-product.ts';
import { predictorCodes } from './ffn-codes.ts';
import type { FfnBuffers, GpuFfnShape } from './ffn-programs.ts';

/** The input matrix of a layer's predictor, packed, [rank, hiddenSize]. */
export interface PredictorInput {
  readonly format: TileSection['format'];
  readonly rank: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** From a layer's input to what its tiles' scores are computed of: relu(input matrix · x), quantised. */
export class GpuPredictor {
  /** Of each token, in the form that output matrices multiply. */
  readonly stream: GPUBuffer;
  /** Words of `stream` from one token to the next one. */
  readonly strideWords: number;
  readonly #own: readonly GPUBuffer[];
  /** By how many tokens an invocation takes. */
  readonly #dispatches: ReadonlyMap<number, readonly Dispatch[]>;

  constructor(
    gpu: Gpu,
    { hiddenSize, maxTokens }: GpuFfnShape,
    { input, inputColumns, call }: FfnBuffers,
    product: RowProduct,
    { rank, bytes }: PredictorInput,
  ) {
    // What is behind the rank stays zero.
    const columns = padded(rank);
    this.strideWords = activationBytes('q8', columns) / 4;
    this.stream = gpu.storage(maxTokens * this.strideWords * 4);
    const matrix = gpu.storage(bytes.length);
    gpu.device.queue.writeBuffer(matrix, 0, bytes);
    const places = gpu.storageOf(Uint32Array.from(projectionPlace({ weights: 0, rows: rank, column: 0 })));
    const hidden = gpu.storage(maxTokens * columns * 4);
    const inputStride = activationBytes(product.activation, inputColumns) / 4;
    const shape = gpu.uniform([hiddenSize / product.blockColumns, inputStride, columns]);
    const projected = [matrix, places, input(product.activation), hidden, shape, call.buffer];
    this.#own = [this.stream, matrix, places, hidden, shape];
    this.#dispatches = new Map(
      groupings(maxTokens).map((together) => {
        const [projecting, quantizing] = predictorCodes(gpu, product, together);
        const groups = Math.ceil(rank / projectedRows);
        return [
          together,
          [
            dispatchOf(gpu, projecting, projected, (tokens) => [groups, Math.ceil(tokens / together)]),
            dispatchOf(gpu, quantizing, [hidden, this.stream], (tokens) => [columns / quantizeRun, tokens]),
          ],
        ];
      }),
    );
  }

  encode(pass: GPUComputePassEncoder, tokens: number): void {
    encode(pass, this.#dispatches.get(tokenGroups(tokens))!, tokens);
  }

  close(): void {
    for (const buffer of this.#own) buffer.destroy();
  }
}
