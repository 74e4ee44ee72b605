import { describe, expect, it, test } from 'vitest';
import type { Approximation } from '../../runtime/model/approximation.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import { readDescription } from '../../runtime/protocol/configuration.ts';
import { Fields } from '../../runtime/protocol/fields.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const relu = { ...description({ activation: 'relu' }), neuronRows: true };
const silu = { ...description(), neuronRows: true };
const shape = { rank: 64, input: 'Q4_0', output: 'Q8_0' } as const;
const predicted = { kind: 'predicted', threshold: -1.5, predictors: [shape, null] } as const;
const cut = { kind: 'cut', cuts: [0.1, 0] } as const;

const read = (model: ModelDescription, approximation: unknown) =>
  readDescription(new Fields({ ...structuredClone(model), approximation }, 'description'));

describe('a description with an approximation', () => {
  it.each([
    [relu, predicted],
    [silu, cut],
  ])('is read as it was', (model, approximation: Approximation) => {
    expect(read(model, approximation)).toEqual({ ...model, approximation });
  });

  it.each([
    ['of an unknown kind', relu, { ...predicted, kind: 'guessed' }],
    ['of no number', relu, { ...predicted, threshold: Number.NaN }],
    ['of a vast threshold', relu, { ...predicted, threshold: 65 }],
    ['of too few layers', relu, { ...predicted, predictors: [shape] }],
    ['of too many layers', silu, { ...cut, cuts: [0, 0, 0] }],
    ['of a rank that is none', relu, { ...predicted, predictors: [{ ...shape, rank: 0 }, null] }],
    ['of no whole blocks', relu, { ...predicted, predictors: [{ ...shape, rank: 40 }, null] }],
    ['of no whole groups', relu, { ...predicted, predictors: [{ ...shape, rank: 4, output: 'F32' }, null] }],
    ['of an unknown type', relu, { ...predicted, predictors: [{ ...shape, input: 'Q9_9' }, null] }],
    ['with another field', relu, { ...predicted, more: 1 }],
    ['below zero', silu, { ...cut, cuts: [-1, 0] }],
    ['of a gate that has no rows', { ...relu, ...gates('Q5_0') }, predicted],
    ['of neurons that have no rows', { ...relu, neuronRows: false }, predicted],
    ['by cuts of a ReLU model', relu, cut],
    ['by predictors of a SwiGLU model', silu, predicted],
  ])('%s is refused', (_, model, approximation) => {
    expect(() => read(model, approximation)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
  });
});

function gates(type: 'Q5_0'): Pick<ModelDescription, 'layers'> {
  return { layers: relu.layers.map((layer) => ({ ...layer, gate: type })) };
}

test('predictors are in the base tile, but for the rows of their neurons', () => {
  const [exact, tiles] = [tileSpecs(relu), tileSpecs({ ...relu, approximation: predicted })];
  expect(tiles.length).toBe(exact.length);
  const roles = (tile: (typeof tiles)[number]) => tile.sections.map(({ role, byRow }) => [role, byRow]);
  const inputs = tiles[0]!.sections.filter(({ role }) => role === 'predictorInput');
  expect(inputs).toMatchObject([{ layer: 0, rows: 64, columns: 256, format: 'Q4_0' }]);
  const ffn = tiles.filter(({ kind }) => kind === 'ffn');
  expect(roles(ffn[0]!)).toEqual([
    ['predictorOutput', false],
    ['predictorBias', false],
    ['gate', true],
    ['up', true],
    ['down', true],
  ]);
  expect(ffn[0]!.sections[0]).toMatchObject({ rows: 256, columns: 64, format: 'Q8_0' });
  expect(ffn.at(-1)).toEqual({ ...exact[tiles.indexOf(ffn.at(-1)!)]!, id: tiles.indexOf(ffn.at(-1)!) });
});

describe('how many neurons of a tile are read', () => {
  const tiles = relu.config.intermediateSize / 256;
  const firing = relu.layers.map(() => new Array<number>(tiles).fill(25.5));
  const read = (value: object) => readDescription(new Fields(value, 'description'));

  test('is told with a description, and to each tile', () => {
    expect(read({ ...relu, firing })).toEqual({ ...relu, firing });
    const ffn = tileSpecs({ ...relu, firing }).filter(({ kind }) => kind === 'ffn');
    expect(new Set(ffn.map((tile) => tile.firing))).toEqual(new Set([25.5]));
  });

  test.each([
    ['of a layer too few', firing.slice(1)],
    ['of a tile too many', firing.map((row) => [...row, 1])],
    ['that is more than all', firing.map((row) => row.map(() => 257))],
    ['that is no number', firing.map((row) => row.map(() => 'all'))],
  ])('is refused %s', (_, wrong) => {
    const malformed = expect.objectContaining({ code: 'FRAME_MALFORMED' });
    expect(() => read({ ...relu, firing: wrong })).toThrow(malformed);
    expect(() => read({ ...relu, neuronRows: false, firing })).toThrow(malformed);
  });
});
