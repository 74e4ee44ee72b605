import { activationBytes, quantizeActivations } from '../../runtime/kernels/activations.ts';
import type { GluKernel } from '../../runtime/kernels/exports.ts';
import { type KernelFormatName, kernelFormats, matmulScratchBytes } from '../../runtime/kernels/formats.ts';
import { gluKernels } from '../../runtime/decoder/glu.ts';
import type { FfnActivation } from '../../runtime/model/config.ts';
import type { TileSection, TileSpec } from '../../runtime/tile/spec.ts';
import { randomMatrix } from '../kernels/reference/random-matrix.ts';
import { seededFloats, Workspace } from '../kernels/support.ts';
import { listedPartial, listedTile } from './listed-twin.ts';
import type { FfnJob } from './operations.ts';

export interface FfnCase {
  readonly gate: KernelFormatName;
  readonly down: KernelFormatName;
  readonly activation: FfnActivation;
  readonly hiddenSize: number;
  /** Up and down row by row: only neurons are computed that their gates choose. */
  readonly byRow?: boolean;
  /** Of a SwiGLU layer in rows. */
  readonly cut?: number;
  /** Of each tile. */
  readonly neurons: readonly number[];
  readonly tokens: number;
  /** log2 of the fine scale: how many fine units make 1. */
  readonly fineBits: number;
}

export interface Part {
  readonly pointer: number;
  readonly section: TileSection;
}

export interface TwinTile {
  readonly spec: TileSpec;
  /** Gate, up and down. */
  readonly parts: readonly Part[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A layer of random tiles for a GPU, and what the AssemblyScript kernels add up of it. */
export function ffnTwin(layer: FfnCase): {
  job: FfnJob;
  flags: number;
  fine: Int32Array;
  coarse: Int32Array;
} {
  const { hiddenSize, tokens, activation, neurons, fineBits } = layer;
  const workspace = new Workspace('baseline');
  const { kernels, arena } = workspace;
  const inputs = seededFloats(5, tokens * hiddenSize);
  const input = activationsOf(workspace, layer.gate, workspace.f32(inputs), hiddenSize, tokens);
  const scales = workspace.f32(
    Array.from({ length: tokens }, (_, t) => {
      const [fine, coarse] = [fineBits - t, fineBits - t - 12];
      return [2 ** fine, 2 ** -fine, 2 ** coarse, 2 ** -coarse];
    }).flat(),
  );
  const values = tokens * hiddenSize;
  const [fine, coarse] = [workspace.room(values * 4), workspace.room(values * 4)];
  arena.i32(fine, values).fill(0);
  arena.i32(coarse, values).fill(0);
  const tileCount = neurons.length + 1;
  const bound = Math.floor((2 ** 31 - 1) / tileCount);
  let flags = 0;
  const tiles = neurons.map((count, id) => {
    const { spec, parts, bytes } = (layer.byRow ? listedTile : makeTile)(workspace, layer, id, count);
    const partial = layer.byRow
      ? listedPartial(workspace, layer, { spec, parts, bytes }, input)
      : partialOf(workspace, parts, input, count, tokens, gluKernels[activation](kernels));
    flags |= kernels.addPartial(partial, fine, coarse, hiddenSize, tokens, scales, bound);
    return { spec, bytes };
  });
  const inputBytes = tokens * activationBytes(kernelFormats[layer.gate].activation, hiddenSize);
  const bytes = (pointer: number, length: number) => arena.u8(pointer, length).slice();
  const job = {
    hiddenSize,
    activation,
    tokens,
    tileCount,
    tiles,
    choice: { limit: layer.cut ?? 0 },
    input: bytes(input, inputBytes),
    scales: bytes(scales, tokens * 16),
  };
  return { job, flags, fine: workspace.readI32(fine, values), coarse: workspace.readI32(coarse, values) };
}

function makeTile(
  workspace: Workspace,
  { gate, down, hiddenSize }: FfnCase,
  id: number,
  count: number,
): TwinTile {
  const shapes = [
    { role: 'gate', format: gate, rows: count, columns: hiddenSize },
    { role: 'up', format: gate, rows: count, columns: hiddenSize },
    { role: 'down', format: down, rows: hiddenSize, columns: count },
  ] as const;
  let byteLength = 0;
  const sections = shapes.map((shape) => {
    const byteOffset = byteLength;
    const packedBytes = kernelFormats[shape.format].packedBytes(shape.rows, shape.columns);
    byteLength = Math.ceil((byteLength + packedBytes) / 64) * 64;
    return { ...shape, layer: 0, byRow: false, byteOffset, byteLength: packedBytes };
  });
  const tile = workspace.room(byteLength);
  const parts = sections.map((section, i): Part => {
    const { format, rows, columns, byteOffset } = section;
    const target = workspace.arena.u8(tile + byteOffset, section.byteLength);
    kernelFormats[format].pack(randomMatrix(format, rows, columns, 3 * id + i, 0.004), rows, columns, target);
    return { pointer: tile + byteOffset, section };
  });
  const spec: TileSpec = { id, kind: 'ffn', layer: 0, first: 256 * id, count, sections, byteLength };
  return { spec, parts, bytes: workspace.arena.u8(tile, byteLength).slice() };
}

/** down · neurons(gate · x, up · x), float32 [tokens, hiddenSize]. */
function partialOf(
  workspace: Workspace,
  [gate, up, down]: readonly Part[],
  input: number,
  count: number,
  tokens: number,
  glu: GluKernel,
): number {
  const gates = multiply(workspace, gate!, input, tokens);
  const neurons = workspace.room(tokens * count * 4);
  glu(gates, multiply(workspace, up!, input, tokens), neurons, tokens * count);
  const hidden = activationsOf(workspace, down!.section.format as KernelFormatName, neurons, count, tokens);
  return multiply(workspace, down!, hidden, tokens);
}

export function multiply(
  workspace: Workspace,
  { pointer, section }: Part,
  x: number,
  tokens: number,
): number {
  const { format, rows, columns } = section;
  const y = workspace.room(tokens * rows * 4);
  const scratch = workspace.room(matmulScratchBytes(columns));
  const kernel = kernelFormats[format as KernelFormatName];
  kernel.matmul(workspace.kernels, pointer, x, y, rows, columns, tokens, rows, scratch);
  return y;
}

function activationsOf(
  workspace: Workspace,
  format: KernelFormatName,
  x: number,
  columns: number,
  tokens: number,
): number {
  const { activation } = kernelFormats[format];
  if (activation === 'f32') return x;
  const stream = workspace.room(tokens * activationBytes(activation, columns));
  quantizeActivations(workspace.kernels, activation, x, stream, columns, tokens);
  return stream;
}
