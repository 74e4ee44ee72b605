import { type PlaneCodec, packGroupValues } from '../../runtime/collective/plane-codec.ts';
import { malformed } from '../../runtime/protocol/frame.ts';

/** The packing of docs/PROTOCOL.md in plain TypeScript: slow, obvious, the twin that the kernels are held to. */
export const referenceCodec: PlaneCodec = {
  allocatePlanes: (length) => ({
    fine: new Int32Array(length),
    coarse: new Int32Array(length),
    coarseUsed: false,
  }),
  pack,
  unpack,
  unpackAdd: (source, target) => {
    const values = new Int32Array(target.length);
    const usedBytes = unpack(source, values);
    for (let i = 0; i < target.length; i += 1) target[i]! += values[i]!;
    return usedBytes;
  },
};

function pack(values: Int32Array): Uint8Array {
  const bytes: number[] = [];
  for (let first = 0; first < values.length; first += packGroupValues) {
    const codes = [...values.subarray(first, first + packGroupValues)].map((value) => BigInt(zigzag(value)));
    const width = Math.max(...codes.map((code) => (code === 0n ? 0 : code.toString(2).length)));
    const bits = codes.reduce((sum, code, i) => sum | (code << BigInt(i * width)), 0n);
    bytes.push(width);
    for (let i = 0; i < Math.ceil((codes.length * width) / 8); i += 1)
      bytes.push(Number((bits >> BigInt(8 * i)) & 0xffn));
  }
  return Uint8Array.from(bytes);
}

function unpack(source: Uint8Array, target: Int32Array): number {
  let offset = 0;
  for (let first = 0; first < target.length; first += packGroupValues) {
    const count = Math.min(packGroupValues, target.length - first);
    const width = source[offset] ?? 33;
    const byteLength = Math.ceil((count * width) / 8);
    const packed = source.subarray(offset + 1, offset + 1 + byteLength);
    if (width > 32 || packed.length < byteLength) throw malformed('a plane is no packed integers');
    let bits = packed.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    for (let i = 0; i < count; i += 1) {
      target[first + i] = unzigzag(Number(bits & ((1n << BigInt(width)) - 1n)));
      bits >>= BigInt(width);
    }
    if (bits !== 0n) throw malformed('a plane is no packed integers');
    offset += 1 + byteLength;
  }
  return offset;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function unzigzag(code: number): number {
  return (code >>> 1) ^ -(code & 1);
}
