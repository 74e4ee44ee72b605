import { HearthError } from '../../runtime/error.ts';
import type { ByteSource } from '../../runtime/gguf/source.ts';

/** A ByteSource over bytes in memory, for files that tests make. */
export function memorySource(bytes: Uint8Array, name = 'memory.gguf'): ByteSource {
  return {
    name,
    byteLength: bytes.length,
    async read(byteOffset, byteLength) {
      if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > bytes.length) {
        throw new HearthError('GGUF_TRUNCATED', `${name} has ${bytes.length} bytes`, {
          byteOffset,
          byteLength,
        });
      }
      // A copy, as a read from a file is: no caller sees another's changes. (A Buffer's own slice is a view.)
      return new Uint8Array(bytes.subarray(byteOffset, byteOffset + byteLength));
    },
    async close() {},
  };
}
