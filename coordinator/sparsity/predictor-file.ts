import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import { HearthError } from '../../runtime/error.ts';
import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { predictorNames } from '../../runtime/model/approximation.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import { namedKey } from '../../runtime/model/row-shares.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import type { ModelContents } from '../files/write-model.ts';
import { encoded, type Predictor } from './training/predictor.ts';

/** Where a model's predictors lie, a GGUF file: beside it. */
export function predictorPath(modelPath: string): string {
  return modelPath.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '').concat('.predictors');
}

/** A layer's predictor, and the share of all neurons that it names; all, where there is none. */
export interface LayerPredictor {
  readonly predictor: Predictor | undefined;
  readonly named: number;
}

/** Predictors as a GGUF file; neurons in the order of the model's file. */
export function predictorContents(
  model: string,
  layers: readonly LayerPredictor[],
  type: QuantTypeName,
): ModelContents {
  const metadata = new Map<string, MetadataValue>([
    ['general.type', { type: 'string', value: 'predictors' }],
    ['general.name', { type: 'string', value: model }],
    [namedKey, { type: 'float32[]', value: Float32Array.from(layers, ({ named }) => named) }],
  ]);
  const tensors = layers.flatMap(({ predictor }, layer): TensorSource[] => {
    if (!predictor) return [];
    const { rank, input, output, bias } = predictor;
    const names = predictorNames(layer);
    const matrix = (name: string, values: Float32Array, columns: number): TensorSource => ({
      name,
      shape: [values.length / columns, columns],
      type,
      read: () => [encoded(values, type)],
    });
    return [
      matrix(names.input, input, input.length / rank),
      matrix(names.output, output, rank),
      {
        name: names.bias,
        shape: [bias.length],
        type: 'F32',
        read: () => [new Uint8Array(bias.buffer, bias.byteOffset, bias.byteLength)],
      },
    ];
  });
  return { metadata, tensors };
}

/** @throws HearthError FILE_NOT_FOUND; USAGE for predictors of a model with other neurons */
export async function openPredictors(
  path: string,
  { layerCount, intermediateSize }: ModelConfig,
): Promise<GgufFile> {
  const gguf = await openGgufAt(path).catch((cause: unknown) => {
    if (!(cause instanceof HearthError && cause.code === 'FILE_NOT_FOUND')) throw cause;
    throw new HearthError(
      'FILE_NOT_FOUND',
      `there is no file ${path}: hearth profile MODEL --train-predictor makes it`,
      { path },
      cause,
    );
  });
  const layers = Array.from({ length: layerCount }, (_, layer) => predictorNames(layer));
  const known = new Set(layers.flatMap((names) => Object.values(names)));
  const fits = [...gguf.tensors.values()].every(({ name, shape }) => {
    const isOfNeurons = layers.some(({ output, bias }) => name === output || name === bias);
    return known.has(name) && (!isOfNeurons || shape[0] === intermediateSize);
  });
  if (fits && gguf.tensors.size > 0) return gguf;
  await gguf.close();
  throw new HearthError(
    'USAGE',
    `${path} has no predictors for the ${layerCount} × ${intermediateSize} neurons of this model`,
    { path },
  );
}
