import { assert, HearthError } from '../error.ts';
import type { GgufTensor } from './layout.ts';
import type { ByteSource } from './source.ts';

/** The tensors of an open model, whose bytes stay in its file. */
export interface TensorFile {
  /** By name, in the file's order. Empty for a vocabulary alone. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /**
   * Reads a tensor's encoded bytes, or `byteLength` of them from `byteStart` on. A range outside the tensor is a
   * programmer error.
   * @param buffer what they may be put in, if it is large enough; the result then is a view of it
   * @throws HearthError MODEL_BAD_TENSOR where there is no such tensor, FILE_READ_FAILED
   */
  readTensor(name: string, byteStart?: number, byteLength?: number, buffer?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** @param sources the parts of the file; closing closes them */
export function tensorFile(
  sources: readonly ByteSource[],
  tensors: ReadonlyMap<string, GgufTensor>,
): TensorFile {
  return {
    tensors,
    async readTensor(name, byteStart = 0, byteLength, buffer) {
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        const file = sources[0]!.name;
        throw new HearthError('MODEL_BAD_TENSOR', `${file} has no tensor ${name}`, { tensor: name });
      }
      const length = byteLength ?? tensor.byteLength - byteStart;
      const isInside = byteStart >= 0 && length >= 0 && byteStart + length <= tensor.byteLength;
      assert(isInside, 'a range of the tensor', name);
      return sources[tensor.partIndex]!.read(tensor.byteOffset + byteStart, length, buffer);
    },
    async close() {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}
