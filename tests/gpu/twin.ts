import { activationBytes } from '../../runtime/kernels/activations.ts';
import {
  type KernelFormatName,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
  quantizeActivations,
} from '../../runtime/kernels/formats.ts';
import { dequantize } from '../kernels/reference/dequantize.ts';
import { throughInt8 } from '../kernels/reference/quantize.ts';
import { Workspace } from '../kernels/support.ts';

const activationBlocks = { f32: 1, q8: 32, q8k: 256 };

/** Words of a buffer of their own, which a GPU may be handed. */
export function wordsOf(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bytes.slice().buffer);
}

export interface Matrix {
  readonly format: KernelFormatName;
  readonly rows: number;
  readonly columns: number;
  /** As in GGUF. */
  readonly source: Uint8Array;
}

/** What the AssemblyScript kernels make of a matrix and some tokens. */
export interface Product {
  readonly packed: Uint32Array<ArrayBuffer>;
  readonly input: Uint32Array<ArrayBuffer>;
  /** float32 bits [tokens, padded rows]. */
  readonly output: Uint32Array;
}

export function productOf({ format, rows, columns, source }: Matrix, x: Float32Array): Product {
  const workspace = new Workspace('baseline');
  const { kernels, arena } = workspace;
  const kernel = kernelFormats[format];
  const tokens = x.length / columns;
  const packedBytes = kernel.packedBytes(rows, columns);
  const w = workspace.room(packedBytes);
  kernel.pack(source, rows, columns, arena.u8(w, packedBytes));
  const inputBytes = tokens * activationBytes(kernel.activation, columns);
  const input = workspace.room(inputBytes);
  if (kernel.activation === 'f32') arena.f32(input, x.length).set(x);
  else quantizeActivations(kernels, kernel.activation, workspace.f32(x), input, columns, tokens);
  const padded = paddedRowCount(rows);
  const y = workspace.room(tokens * padded * 4);
  const scratch = workspace.room(matmulScratchBytes(columns));
  kernel.matmul(kernels, w, input, y, padded, columns, tokens, padded, scratch);
  return {
    packed: wordsOf(arena.u8(w, packedBytes)),
    input: wordsOf(arena.u8(input, inputBytes)),
    output: wordsOf(arena.u8(y, tokens * padded * 4)),
  };
}

/** The same in float64, from activations as they are quantised, and Σ |w · x|: both [tokens, rows]. */
export function exactProduct(
  { format, rows, columns, source }: Matrix,
  x: Float32Array,
): { y: Float64Array; mass: Float64Array } {
  const w = dequantize(format, source);
  const { activation } = kernelFormats[format];
  const seen = activation === 'f32' ? Float64Array.from(x) : throughInt8(x, activationBlocks[activation]);
  const tokens = x.length / columns;
  const [y, mass] = [new Float64Array(tokens * rows), new Float64Array(tokens * rows)];
  for (let i = 0; i < y.length; i += 1) {
    const [token, row] = [Math.floor(i / rows), i % rows];
    for (let c = 0; c < columns; c += 1) {
      const product = w[row * columns + c]! * seen[token * columns + c]!;
      y[i]! += product;
      mass[i]! += Math.abs(product);
    }
  }
  return { y, mass };
}
