import { assert } from '../error.ts';
import type { quantFormats } from './registry.ts';

/** Names of the formats in the registry. */
export type QuantTypeName = (typeof quantFormats)[number]['name'];

export type QuantFormat = BlockFormat<QuantTypeName>;

/**
 * A way of storing weights: fixed-size blocks of bytes, each holding a fixed number of elements. Encoded bytes
 * are little-endian, as in GGUF. The layouts are those of ggml-common.h, and `decode` gives bit for bit what
 * ggml-quants.c's `dequantize_row_*` gives in plain f32 arithmetic, without fused multiply-add.
 */
export interface BlockFormat<Name extends string> {
  /** ggml's name in capitals, for example `Q4_K`. */
  readonly name: Name;
  /** ggml's type id, as GGUF stores it. */
  readonly ggmlType: number;
  /** Elements of one block. A tensor's row is a whole number of blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** `source` is whole blocks; `target` has exactly their elements. Any other lengths are a programmer error. */
  decode(source: Uint8Array, target: Float32Array): void;
  /** The inverse, with rounding: `source` is whole blocks of finite elements, `target` exactly their bytes. */
  encode?(source: Float32Array, target: Uint8Array): void;
}

/** Puts the length checks that all formats share before a format's own loops. */
export function defineFormat<const Name extends string>(format: BlockFormat<Name>): BlockFormat<Name> {
  const { name, blockSize, blockBytes, decode, encode } = format;
  const check = (bytes: Uint8Array, elements: Float32Array): void =>
    assert(
      elements.length % blockSize === 0 && bytes.length * blockSize === elements.length * blockBytes,
      `${name}: ${bytes.length} bytes for ${elements.length} elements, in blocks of ${blockBytes} for ${blockSize}`,
    );
  return {
    ...format,
    decode(source, target) {
      check(source, target);
      decode(source, target);
    },
    ...(encode && {
      encode(source: Float32Array, target: Uint8Array) {
        check(target, source);
        encode(source, target);
      },
    }),
  };
}
