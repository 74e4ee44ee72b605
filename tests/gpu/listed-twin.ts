import { gluKernels } from '../../runtime/decoder/glu.ts';
import { kernelFormats } from '../../runtime/kernels/formats.ts';
import { addRowsScratchBytes, rowFormatOf } from '../../runtime/kernels/row-formats.ts';
import type { TileSection, TileSpec } from '../../runtime/tile/spec.ts';
import { activationBytes } from '../../runtime/kernels/activations.ts';
import { randomMatrix } from '../kernels/reference/random-matrix.ts';
import type { Workspace } from '../kernels/support.ts';
import { type FfnCase, multiply, type Part, type TwinTile } from './ffn-twin.ts';

/** Where records begin, and how far apart: what lies between must not matter. */
const alignment = 64;
const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** A random tile whose gate stands as ever, and up and down in records of a neuron each. */
export function listedTile(
  workspace: Workspace,
  { gate, down, hiddenSize }: FfnCase,
  id: number,
  count: number,
): TwinTile {
  const [packed, up, back] = [kernelFormats[gate], rowFormatOf(gate), rowFormatOf(down)];
  const shape = { layer: 0, rows: count, columns: hiddenSize };
  const gateBytes = packed.packedBytes(count, hiddenSize);
  const [upBytes, downBytes] = [up.rowBytes(hiddenSize), back.rowBytes(hiddenSize)];
  const records = { byteOffset: aligned(gateBytes), stride: aligned(upBytes + downBytes) };
  const sections: TileSection[] = [
    { ...shape, role: 'gate', format: gate, byRow: false, byteOffset: 0, byteLength: gateBytes },
    {
      ...shape,
      role: 'up',
      format: gate,
      byRow: true,
      byteOffset: records.byteOffset,
      byteLength: count * upBytes,
    },
    {
      ...shape,
      role: 'down',
      format: down,
      byRow: true,
      byteOffset: records.byteOffset + upBytes,
      byteLength: count * downBytes,
    },
  ];
  const byteLength = records.byteOffset + count * records.stride;
  const tile = workspace.room(byteLength);
  const target = (offset: number) => workspace.arena.u8(tile + offset, byteLength - offset);
  const source = (format: FfnCase['gate'], i: number) =>
    randomMatrix(format, count, hiddenSize, 3 * id + i, 0.004);
  packed.pack(source(gate, 0), count, hiddenSize, target(0).subarray(0, gateBytes));
  for (const [i, format] of [up, back].entries()) {
    const rows = source(i === 0 ? gate : down, i + 1);
    format.pack(
      rows,
      count,
      hiddenSize,
      target(sections[i + 1]!.byteOffset),
      rows.length / count,
      records.stride,
    );
  }
  const spec: TileSpec = { id, kind: 'ffn', layer: 0, first: 256 * id, count, sections, byteLength, records };
  const parts = sections.map((section): Part => ({ pointer: tile + section.byteOffset, section }));
  return { spec, parts, bytes: target(0).slice() };
}

/** What the neurons that fire add up to, float32 [tokens, hiddenSize]. */
export function listedPartial(
  workspace: Workspace,
  { gate: type, down: backType, hiddenSize, tokens, activation, cut = 0 }: FfnCase,
  { spec, parts }: TwinTile,
  input: number,
): number {
  const { kernels, arena } = workspace;
  const { stride } = spec.records!;
  const [gate, up, down] = parts as readonly [Part, Part, Part];
  const gates = multiply(workspace, gate, input, tokens);
  const [list, values] = [workspace.room(spec.count * 4), workspace.room((spec.count + 3) * 4)];
  const y = workspace.room(tokens * hiddenSize * 4);
  const scratch = workspace.room(addRowsScratchBytes(hiddenSize));
  const inputBytes = activationBytes(kernelFormats[type].activation, hiddenSize);
  for (let token = 0; token < tokens; token += 1) {
    const row = gates + token * spec.count * 4;
    const length =
      activation === 'silu'
        ? kernels.neuronsOverCut(row, spec.count, cut, list)
        : kernels.firingNeurons(row, spec.count, list);
    kernels.gatherF32(row, list, length, row);
    const x = input + token * inputBytes;
    rowFormatOf(type).dotRows(kernels)(up.pointer, list, length, x, values, hiddenSize, stride);
    gluKernels[activation](kernels)(row, values, values, length);
    const kept = kernels.dropZeros(values, list, length);
    const at = y + token * hiddenSize * 4;
    arena.f32(at, hiddenSize).fill(Number.NaN);
    rowFormatOf(backType).addRows(kernels)(down.pointer, list, kept, values, at, hiddenSize, scratch, stride);
  }
  return y;
}
