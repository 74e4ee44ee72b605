import { HearthError } from '../../runtime/error.ts';
import type { GgufFile, GgufTensor } from '../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import type { ModelContents } from '../files/write-model.ts';
import type { EncodeJob } from './encode-rows.ts';
import type { QuantizeTarget } from './targets.ts';
import { targetTypes } from './tensor-types.ts';

/** Something that encodes rows, several jobs at once. */
export interface RowEncoder {
  /** Jobs that it works on at the same time. */
  readonly width: number;
  /** Resolves with undefined where an element cannot be stored, see `encodeRows`. */
  encode(job: EncodeJob): Promise<Uint8Array | undefined>;
}

/** Elements that are read and encoded at once: a megabyte of floats, some ten milliseconds of work. */
const rangeElements = 1 << 18;
/** `general.quantization_version`: GGML_QNT_VERSION of ggml.h, the block layouts of runtime/quant. */
const quantizationVersion = 2;

/**
 * A model with its matrices in other types. Nothing is read before a tensor's turn comes, and then row range by
 * row range: the memory needed depends on `encoder.width`, not on the model.
 * @throws HearthError when a tensor is read: MODEL_BAD_TENSOR for an element that is not finite, FILE_READ_FAILED
 */
export function quantizeModel(gguf: GgufFile, target: QuantizeTarget, encoder: RowEncoder): ModelContents {
  const types = targetTypes(gguf.tensors.values(), target);
  const tensors = [...gguf.tensors.values()].map((tensor): TensorSource => {
    const type = types.get(tensor.name)!;
    const { name, shape } = tensor;
    return { name, shape, type, read: () => encodedRanges(gguf, tensor, type, encoder) };
  });
  return { metadata: quantizedMetadata(gguf, target), tensors };
}

/** All that a file says of itself, but that it was split. */
export function wholeMetadata(gguf: GgufFile): Map<string, MetadataValue> {
  const metadata = new Map(gguf.metadata.entries());
  for (const key of ['split.no', 'split.count', 'split.tensors.count']) metadata.delete(key);
  return metadata;
}

function quantizedMetadata(gguf: GgufFile, { fileType }: QuantizeTarget): Map<string, MetadataValue> {
  const metadata = wholeMetadata(gguf);
  metadata.set('general.file_type', { type: 'uint32', value: fileType });
  metadata.set('general.quantization_version', { type: 'uint32', value: quantizationVersion });
  return metadata;
}

/** Keeps every thread of the encoder busy and one more range waiting for each. */
async function* encodedRanges(
  gguf: GgufFile,
  tensor: GgufTensor,
  type: QuantTypeName,
  encoder: RowEncoder,
): AsyncGenerator<Uint8Array> {
  const pending: Promise<Uint8Array>[] = [];
  for await (const bytes of rowRanges(gguf, tensor)) {
    if (type === tensor.type) {
      yield bytes;
      continue;
    }
    const encoded = encode(encoder, tensor.name, { from: tensor.type, to: type, bytes });
    // It is awaited in its turn; until then a failure must not count as unhandled.
    encoded.catch(() => {});
    pending.push(encoded);
    if (pending.length >= 2 * encoder.width) yield await pending.shift()!;
  }
  for (const encoded of pending) yield await encoded;
}

/** A tensor's bytes, some rows at a time. */
export async function* rowRanges(gguf: GgufFile, tensor: GgufTensor): AsyncGenerator<Uint8Array> {
  const columns = tensor.shape.at(-1)!;
  const rangeBytes = Math.max(1, Math.floor(rangeElements / columns)) * tensor.rowByteLength;
  for (let at = 0; at < tensor.byteLength; at += rangeBytes)
    yield gguf.readTensor(tensor.name, at, Math.min(rangeBytes, tensor.byteLength - at));
}

/** @throws HearthError MODEL_BAD_TENSOR */
export async function encode(encoder: RowEncoder, tensor: string, job: EncodeJob): Promise<Uint8Array> {
  const encoded = await encoder.encode(job);
  if (encoded) return encoded;
  throw new HearthError(
    'MODEL_BAD_TENSOR',
    `tensor ${tensor} has an element that is not finite or beyond 65504: the file is damaged`,
    { tensor },
  );
}
