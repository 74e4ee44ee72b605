import { HearthError } from '../../runtime/error.ts';
import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';

export type InspectReport = ReturnType<typeof inspectGguf>;

/** What a GGUF file holds, and whether it can run. */
export function inspectGguf(gguf: GgufFile) {
  const tensors = [...gguf.tensors.values()].map(({ name, type, shape, byteLength }) => ({
    name,
    type,
    shape,
    byteLength,
  }));
  return {
    name: gguf.name,
    version: gguf.version,
    byteLength: gguf.byteLength,
    metadata: Object.fromEntries([...gguf.metadata.entries()].map(([key, value]) => [key, summarize(value)])),
    tensors,
    ...usability(gguf),
  };
}

/** Tensors of each type, in the file's order. */
export function typeMix({ tensors }: Pick<InspectReport, 'tensors'>): Map<string, TypeShare> {
  const types = new Map<string, TypeShare>();
  for (const { type, byteLength } of tensors) {
    const { count, bytes } = types.get(type) ?? { count: 0, bytes: 0 };
    types.set(type, { count: count + 1, bytes: bytes + byteLength });
  }
  return types;
}

export interface TypeShare {
  readonly count: number;
  readonly bytes: number;
}

/** Can it run, and if not, why? */
function usability(gguf: GgufFile) {
  try {
    const model = new ModelFile(gguf);
    const tileBytes = model.tiles.reduce((sum, tile) => sum + tile.byteLength, 0);
    return { runs: true as const, config: model.config, tiles: model.tiles.length, tileBytes };
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    return { runs: false as const, error: { code: error.code, message: error.message } };
  }
}

/** Long arrays, such as a vocabulary, by their length and beginning. */
function summarize({ value }: MetadataValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  const items = Array.from(value as ArrayLike<unknown>, (item) =>
    typeof item === 'bigint' ? Number(item) : item,
  );
  return items.length <= 8 ? items : { length: items.length, first: items.slice(0, 4) };
}
