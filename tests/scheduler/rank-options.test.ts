import { expect, test } from 'vitest';
import { rankOptions } from '../../coordinator/rank-options.ts';
import { description } from '../support/description.ts';

const model = description({ contextLength: 32768 });

test('a step has no more tokens than there can be', () => {
  const stepTokens = (parallel: number, contextLength?: number) =>
    rankOptions({ model, kvFormat: 'f16', parallel, contextLength }).maxStepTokens;
  expect(stepTokens(1, 24)).toBe(24);
  expect(stepTokens(4, 24)).toBe(96);
  expect(stepTokens(1, 4096)).toBe(128);
  expect(stepTokens(4)).toBe(128);
});
