import type { RankOptions } from '../decoder/rank-options.ts';
import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import { rowFormats } from '../kernels/row-formats.ts';
import { kvFormats } from '../kernels/kv-page.ts';
import { ffnActivations, type ModelConfig, type RopeConfig, type RopeScaling } from '../model/config.ts';
import type { LayerFormats, ModelDescription } from '../model/description.ts';
import { wholeStep } from '../plan/layouts.ts';
import type { Assignment, Leg } from '../plan/plan.ts';
import { ffnTileNeurons, kvHeadsPerTile, tileSpecs, vocabularyTileRows } from '../tile/spec.ts';
import { readApproximationFields } from './approximation-fields.ts';
import { Fields } from './fields.ts';
import { defaultFrameLimits, malformed } from './frame.ts';

/** No model that fits a home is larger in any of these; a larger number is a broken or hostile peer. */
const maxSize = 1 << 24;
const maxLayers = 1024;
const maxHeads = 4096;
/** Tiles of one model. The largest known model has about 20 000. */
const maxTiles = 1 << 17;
const maxWorldSize = 256;
const maxSequences = 1 << 12;

const formatNames = Object.keys(kernelFormats) as KernelFormatName[];
const layerRoles = [
  'query',
  'key',
  'value',
  'attentionOutput',
  'gate',
  'up',
  'down',
] as const satisfies (keyof LayerFormats)[];

/**
 * Reads what a rank needs to know of a model. What passes can be laid out: every size is in range, blocks divide
 * columns, and the tiles are few and small enough to be listed.
 * @throws HearthError FRAME_MALFORMED
 */
export function readDescription(fields: Fields): ModelDescription {
  const config = readConfig(fields.map('config'));
  const layers = fields.list('layers', maxLayers).map((layer, i) => readLayer(layer, `layers[${i}]`));
  const exact: ModelDescription = {
    config,
    layers,
    outputFormat: fields.oneOf('outputFormat', formatNames),
    attentionBias: fields.boolean('attentionBias'),
    ropeFactors: fields.boolean('ropeFactors'),
    neuronRows: fields.boolean('neuronRows'),
  };
  const approximation = readApproximationFields(fields, exact);
  const firing = readFiring(fields, exact);
  fields.done();
  const description: ModelDescription = {
    ...exact,
    ...(approximation && { approximation }),
    ...(firing && { firing }),
  };
  if (layers.length !== config.layerCount)
    throw malformed(`the description has ${layers.length} layers, its config ${config.layerCount}`);
  checkBlocks(description);
  checkTiles(description);
  return description;
}

function readConfig(fields: Fields): ModelConfig {
  const size = (key: string) => fields.integer(key, 1, maxSize);
  const headDim = fields.integer('headDim', 4, 1 << 14);
  const config: ModelConfig = {
    architecture: fields.string('architecture', 64),
    hiddenSize: size('hiddenSize'),
    layerCount: fields.integer('layerCount', 1, maxLayers),
    headCount: fields.integer('headCount', 1, maxHeads),
    kvHeadCount: fields.integer('kvHeadCount', 1, maxHeads),
    headDim,
    intermediateSize: size('intermediateSize'),
    activation: fields.oneOf('activation', ffnActivations),
    vocabSize: size('vocabSize'),
    contextLength: size('contextLength'),
    normEpsilon: fields.number('normEpsilon', 0, 1),
    rope: readRope(fields.map('rope'), headDim),
  };
  fields.done();
  const { headCount, kvHeadCount, hiddenSize } = config;
  if (headCount % kvHeadCount !== 0)
    throw malformed(`${headCount} heads do not share ${kvHeadCount} KV heads evenly`);
  if (headDim % 4 !== 0 || hiddenSize % 8 !== 0)
    throw malformed(`heads of ${headDim} in a hidden size of ${hiddenSize}: need multiples of 4 and of 8`);
  return config;
}

function readRope(fields: Fields, headDim: number): RopeConfig {
  const rope: RopeConfig = {
    dimensions: fields.integer('dimensions', 2, headDim),
    base: fields.number('base', Number.MIN_VALUE, Number.MAX_VALUE),
    scaling: readScaling(fields.map('scaling')),
  };
  fields.done();
  if (rope.dimensions % 2 !== 0)
    throw malformed(`RoPE over ${rope.dimensions} elements: they rotate in pairs`);
  return rope;
}

function readScaling(fields: Fields): RopeScaling {
  const positive = (key: string) => fields.number(key, Number.MIN_VALUE, Number.MAX_VALUE);
  const kind = fields.oneOf('kind', ['none', 'linear', 'yarn']);
  const scaling: RopeScaling =
    kind === 'none'
      ? { kind }
      : kind === 'linear'
        ? { kind, factor: positive('factor') }
        : {
            kind,
            factor: positive('factor'),
            originalContextLength: fields.integer('originalContextLength', 1, maxSize),
            attentionFactor: positive('attentionFactor'),
            betaFast: positive('betaFast'),
            betaSlow: positive('betaSlow'),
          };
  fields.done();
  return scaling;
}

function readLayer(value: unknown, path: string): LayerFormats {
  const fields = new Fields(value, path);
  const formats = Object.fromEntries(layerRoles.map((role) => [role, fields.oneOf(role, formatNames)]));
  fields.done();
  return formats as LayerFormats;
}

/** Of each layer, a number for each FFN tile: how many of its neurons are read for a token. */
function readFiring(fields: Fields, { config, neuronRows }: ModelDescription): number[][] | undefined {
  if (!fields.keys.includes('firing')) return undefined;
  if (!neuronRows) throw malformed('neurons without rows are not read one by one');
  const tiles = Math.ceil(config.intermediateSize / ffnTileNeurons);
  const layers = fields.list('firing', config.layerCount);
  if (layers.length !== config.layerCount) throw malformed('firing is not of all layers');
  return layers.map((values, layer) => {
    const list = new Fields({ values }, `firing[${layer}]`).list('values', tiles);
    if (list.length !== tiles) throw malformed(`firing[${layer}] is not of ${tiles} tiles`);
    return list.map((value, tile) =>
      new Fields({ value }, `firing[${layer}][${tile}]`).number('value', 0, ffnTileNeurons),
    );
  });
}

/** Rows of quantised matrices are whole blocks; of a slice of columns, the tile's own layout sees to it. */
function checkBlocks({ config, layers, outputFormat, neuronRows }: ModelDescription): void {
  const { hiddenSize, intermediateSize, headCount, headDim } = config;
  const check = (format: KernelFormatName, columns: number): void => {
    const { blockColumns } = kernelFormats[format];
    if (columns % blockColumns !== 0) throw malformed(`${columns} columns are not whole ${format} blocks`);
  };
  const checkRows = (format: KernelFormatName, columns: number): void => {
    if (!Object.hasOwn(rowFormats, format)) throw malformed(`${format} cannot be laid out row by row`);
    check(format, columns);
  };
  check(outputFormat, hiddenSize);
  for (const formats of layers) {
    for (const role of ['query', 'key', 'value', 'gate', 'up'] as const) check(formats[role], hiddenSize);
    check(formats.attentionOutput, headCount * headDim);
    if (!neuronRows) check(formats.down, intermediateSize);
    else for (const format of [formats.up, formats.down]) checkRows(format, hiddenSize);
  }
}

/** Counts the tiles before they are listed, then bounds their bytes: all numbers stay far under 2^53. */
function checkTiles(description: ModelDescription): void {
  const { config, layers } = description;
  const ffnTiles = Math.ceil(config.intermediateSize / ffnTileNeurons);
  const count = layers.reduce(
    (sum, formats) => sum + Math.ceil(config.kvHeadCount / kvHeadsPerTile(description, formats)) + ffnTiles,
    1 + Math.ceil(config.vocabSize / vocabularyTileRows),
  );
  if (count > maxTiles) throw malformed(`a model of ${count} tiles is over the limit of ${maxTiles}`);
  const tooLarge = tileSpecs(description).find((tile) => !(tile.byteLength <= defaultFrameLimits.tileBytes));
  if (tooLarge) throw malformed(`a ${tooLarge.kind} tile of ${tooLarge.byteLength} bytes is over the limit`);
}

/** @throws HearthError FRAME_MALFORMED */
export function readAssignment(fields: Fields, description: ModelDescription): Assignment {
  const worldSize = fields.integer('worldSize', 1, maxWorldSize);
  const lastTile = tileSpecs(description).length - 1;
  const assignment: Assignment = {
    rank: fields.integer('rank', 0, worldSize - 1),
    worldSize,
    tileIds: fields.ascendingIntegers('tileIds', lastTile, lastTile + 1),
    legs: readLegs(fields, worldSize, description.config.layerCount),
    receivesHead: fields.boolean('receivesHead'),
    microBatchTokens: fields.integer('microBatchTokens', 1, wholeStep),
  };
  fields.done();
  if (assignment.tileIds[0] !== 0) throw malformed('an assignment lacks the base tile');
  checkTilesOnTheWay(assignment, description);
  return assignment;
}

/** Runs of layers, one behind the other, each of which begins with a residual from somewhere. */
function readLegs(fields: Fields, worldSize: number, layerCount: number): Leg[] {
  let least = 0;
  return fields.list('legs', layerCount).map((value, i) => {
    const leg = new Fields(value, `legs[${i}]`);
    const firstLayer = leg.integer('firstLayer', least, layerCount - 1);
    const endLayer = leg.integer('endLayer', firstLayer + 1, layerCount);
    const members = leg.integer('members', 1, worldSize);
    const receives = leg.boolean('receives');
    const sends = leg.boolean('sends');
    leg.done();
    const follows = firstLayer === 0 || (i > 0 && firstLayer === least);
    if (!follows && !receives) throw malformed(`legs[${i}] begins with no residual`);
    if (firstLayer === 0 && receives) throw malformed(`legs[${i}] begins with the embeddings`);
    least = endLayer;
    return { firstLayer, endLayer, members, receives, sends };
  });
}

/** Tiles that a step does not come to would wait for their turn for ever where they stream. */
function checkTilesOnTheWay(
  { tileIds, legs, receivesHead }: Assignment,
  description: ModelDescription,
): void {
  const specs = tileSpecs(description);
  const { layerCount } = description.config;
  const lost = tileIds.find((id) => {
    const { kind, layer } = specs[id]!;
    if (kind === 'base') return false;
    if (kind === 'vocabulary') return !receivesHead && legs.at(-1)?.endLayer !== layerCount;
    return !legs.some(({ firstLayer, endLayer }) => firstLayer <= layer && layer < endLayer);
  });
  if (lost !== undefined) throw malformed(`an assignment has tile ${lost}, to which its legs do not lead`);
}

/** @throws HearthError FRAME_MALFORMED */
export function readRankOptions(fields: Fields): RankOptions {
  const options: RankOptions = {
    kvFormat: fields.oneOf('kvFormat', kvFormats),
    maxStepTokens: fields.integer('maxStepTokens', 1, wholeStep),
    maxSequences: fields.integer('maxSequences', 1, maxSequences),
    contextLength: fields.integer('contextLength', 1, maxSize),
    kvPages: fields.integer('kvPages', 1, maxSize),
  };
  fields.done();
  return options;
}
