import { expect, test } from 'vitest';
import { readAssignment } from '../../runtime/protocol/configuration.ts';
import { Fields } from '../../runtime/protocol/fields.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const model = description({ layerCount: 4 });
const leg = { firstLayer: 0, endLayer: 2, members: 2, receives: false, sends: false };
const behind = { ...leg, firstLayer: 3, endLayer: 4, receives: true };
/** The base tile, and one of layer 0. */
const sound = {
  rank: 1,
  worldSize: 2,
  tileIds: [0, 1],
  legs: [leg, behind],
  receivesHead: false,
  microBatchTokens: 8,
};
const read = (value: object) => readAssignment(new Fields(value, 'assignment'), model);

test.each([
  ['of two legs', {}],
  ['that goes on where it was', { legs: [leg, { ...leg, firstLayer: 2, endLayer: 3 }] }],
  ['of the output head alone', { tileIds: [0], legs: [], receivesHead: true }],
])('reads an assignment %s', (_, change) => {
  expect(read({ ...sound, ...change })).toEqual({ ...sound, ...change });
});

test.each([
  ['legs in no order', { legs: [behind, leg] }],
  ['legs that overlap', { legs: [leg, { ...behind, firstLayer: 1 }] }],
  ['a leg without layers', { legs: [{ ...leg, endLayer: 0 }] }],
  ['a leg beyond the last layer', { legs: [leg, { ...behind, endLayer: 5 }] }],
  ['more members than ranks', { legs: [{ ...leg, members: 3 }] }],
  ['no members', { legs: [{ ...leg, members: 0 }] }],
  ['a leg that begins with nothing', { legs: [leg, { ...behind, receives: false }] }],
  ['a leg that is sent the embeddings as well', { legs: [{ ...leg, receives: true }] }],
  ['an unknown field in a leg', { legs: [{ ...leg, more: 1 }] }],
  ['something else for a leg', { legs: [7] }],
  ['no word of the head', { receivesHead: undefined }],
  ['micro-batches of nothing', { microBatchTokens: 0 }],
  ['micro-batches beyond any step', { microBatchTokens: 16385 }],
  ['a tile that its legs do not lead to', { legs: [behind] }],
  [
    'a tile of the head, which it never comes to',
    { tileIds: [0, 1, tileSpecs(model).length - 1], legs: [leg] },
  ],
])('refuses %s', (_, change) => {
  expect(() => read({ ...sound, ...change })).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
});
