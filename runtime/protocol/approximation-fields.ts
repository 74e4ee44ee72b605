import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { rowFormats } from '../kernels/row-formats.ts';
import { type Approximation, type PredictorShape, rankStep, thresholdLimit } from '../model/approximation.ts';
import type { ModelDescription } from '../model/description.ts';
import { Fields } from './fields.ts';
import { malformed } from './frame.ts';

const formatNames = Object.keys(kernelFormats) as KernelFormatName[];
/** No predictor is as large as the gate that it stands for. */
const maxRank = 1 << 14;
const maxCut = 2 ** 64;

/**
 * Reads what neurons of a model are left out by, if it says so.
 * @param exact the description without it
 * @throws HearthError FRAME_MALFORMED
 */
export function readApproximationFields(fields: Fields, exact: ModelDescription): Approximation | undefined {
  if (!fields.keys.includes('approximation')) return undefined;
  const { layerCount, activation } = exact.config;
  const part = fields.map('approximation');
  const kind = part.oneOf('kind', ['predicted', 'cut']);
  if (!exact.neuronRows) throw malformed('an approximation is of a model without neuron rows');
  if ((kind === 'cut') !== (activation === 'silu'))
    throw malformed(`an approximation by ${kind} neurons is of a model with ${activation}`);
  const list = <T>(key: string, read: (value: unknown, path: string) => T): T[] => {
    const values = part.list(key, layerCount);
    if (values.length !== layerCount) throw malformed(`${key} are not of ${layerCount} layers`);
    return values.map((value, i) => read(value, `${key}[${i}]`));
  };
  const approximation: Approximation =
    kind === 'cut'
      ? { kind, cuts: list('cuts', (value, path) => new Fields({ value }, path).number('value', 0, maxCut)) }
      : {
          kind,
          threshold: part.number('threshold', -thresholdLimit, thresholdLimit),
          predictors: list('predictors', (value, path) => readPredictor(value, path, exact)),
        };
  part.done();
  if (approximation.kind === 'predicted') checkGates(approximation, exact);
  return approximation;
}

function readPredictor(value: unknown, path: string, { config }: ModelDescription): PredictorShape | null {
  if (value === null) return null;
  const fields = new Fields(value, path);
  const shape = {
    rank: fields.integer('rank', 1, maxRank),
    input: fields.oneOf('input', formatNames),
    output: fields.oneOf('output', formatNames),
  };
  fields.done();
  for (const [format, columns] of [
    [shape.input, config.hiddenSize],
    [shape.output, shape.rank],
  ] as const)
    if (columns % kernelFormats[format].blockColumns !== 0)
      throw malformed(`${path} has ${columns} columns, which are not whole ${format} blocks`);
  if (shape.rank % rankStep !== 0)
    throw malformed(`${path} has a rank of ${shape.rank}, no multiple of ${rankStep}`);
  return shape;
}

/** Gates of predicted layers are laid out row by row. */
function checkGates(
  { predictors }: { readonly predictors: readonly (PredictorShape | null)[] },
  { layers }: ModelDescription,
): void {
  const gate = layers.find(({ gate }, i) => predictors[i] && !Object.hasOwn(rowFormats, gate))?.gate;
  if (gate) throw malformed(`${gate} cannot be laid out row by row`);
}
