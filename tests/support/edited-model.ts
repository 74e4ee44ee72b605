import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { type BuiltTensor, buildGguf } from '../gguf/build-gguf.ts';
import { memorySource } from './memory-source.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from './synthetic-model.ts';

/** The parts of a small model, to be changed and put together again. */
export interface ModelParts {
  readonly metadata: Record<string, MetadataValue>;
  readonly tensors: BuiltTensor[];
}

/** A small synthetic model's file after a change to its parts, such as a tensor that is left out. */
export async function editedModel(
  edit: (parts: ModelParts) => void,
  options: Partial<SyntheticModelOptions> = {},
): Promise<Uint8Array> {
  const gguf = await openGguf(memorySource(await syntheticModel({ ...smallShape, ...options })));
  const tensors: BuiltTensor[] = [];
  for (const { name, type, shape } of gguf.tensors.values())
    tensors.push({ name, type, shape, data: await gguf.readTensor(name) });
  const parts: ModelParts = { metadata: Object.fromEntries(gguf.metadata.entries()), tensors };
  edit(parts);
  return buildGguf(parts.metadata, parts.tensors);
}
