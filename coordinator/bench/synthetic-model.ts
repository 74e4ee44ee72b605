import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';
import { HearthError } from '../../runtime/error.ts';
import { ggufByteLength } from '../../runtime/gguf/file-size.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import { type ModelContents, type WriteModelOptions, writeModel } from '../files/write-model.ts';
import { type QuantizeTarget, quantizeTargetNamed } from '../quantize/targets.ts';
import { targetTypes } from '../quantize/tensor-types.ts';
import { type ModelShape, modelShapes } from './model-shapes.ts';
import { RandomWeights } from './random-weights.ts';
import { shapeMetadata } from './shape-metadata.ts';
import { shapeTensors } from './shape-tensors.ts';

/** A published model's shape with random weights in some type. */
export interface SyntheticModel {
  /** Such as `llama-3.2-1b-Q4_K_M`. */
  readonly name: string;
  readonly contents: ModelContents;
}

/** @param choice `SHAPE:TYPE`, such as `llama-3.2-1b:Q4_K_M` @throws HearthError USAGE, listing what there is */
export function parseSyntheticModel(choice: string): SyntheticModel {
  const [shapeName = '', typeName = ''] = choice.split(':');
  const shape = modelShapes.find(({ name }) => name === shapeName.toLowerCase());
  if (!shape) {
    const known = modelShapes.map(({ name }) => name).join(', ');
    throw new HearthError(
      'USAGE',
      `"${choice}" does not begin with one of the shapes ${known}, then a colon`,
      {
        choice,
      },
    );
  }
  return syntheticModel(shape, quantizeTargetNamed(typeName));
}

/** The same bytes every time. */
export function syntheticModel(shape: ModelShape, target: QuantizeTarget): SyntheticModel {
  const plans = shapeTensors(shape);
  const types = targetTypes(plans, target);
  const weights = new RandomWeights(1);
  const tensors = plans.map((plan): TensorSource => {
    const tensor = { name: plan.name, shape: plan.shape, type: types.get(plan.name)! };
    const { values, spread } = plan;
    return {
      ...tensor,
      read: () => (values ? [new Uint8Array(values.buffer)] : weights.read(tensor, spread)),
    };
  });
  return {
    name: `${shape.name}-${target.name}`,
    contents: { metadata: shapeMetadata(shape, target), tensors },
  };
}

/** Where a synthetic model is kept. */
export function syntheticPath({ name }: SyntheticModel): string {
  return join(cacheFolder(), `${name}-random.gguf`);
}

/**
 * Writes a synthetic model, unless it is there already.
 * @throws HearthError USAGE where another file has its place
 */
export async function provideSyntheticModel(
  { contents }: SyntheticModel,
  path: string,
  options: WriteModelOptions,
): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size === ggufByteLength(contents.metadata, contents.tensors)) return;
  if (found && !options.force)
    throw new HearthError('USAGE', `${path} is another file: name one that is not there`, { path });
  await mkdir(dirname(path), { recursive: true });
  await writeModel(path, contents, options);
}
