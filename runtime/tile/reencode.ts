import { assert } from '../error.ts';
import type { KernelFormatName } from '../kernels/formats.ts';
import type { QuantTypeName } from '../quant/format.ts';
import { quantFormatNamed } from '../quant/registry.ts';

/** Blocks of one type as blocks of another, by way of float32; the same bytes where the type stays. */
export function reencode(blocks: Uint8Array, from: QuantTypeName, to: KernelFormatName): Uint8Array {
  if (from === to) return blocks;
  const source = quantFormatNamed(from);
  const target = quantFormatNamed(to);
  assert(target.encode !== undefined, `${to} can be encoded`);
  const values = new Float32Array((blocks.length / source.blockBytes) * source.blockSize);
  source.decode(blocks, values);
  const encoded = new Uint8Array((values.length / target.blockSize) * target.blockBytes);
  target.encode(values, encoded);
  return encoded;
}
