import { describe, expect, it } from 'vitest';
import { defaultSampling, samplingParams, samplingRanges } from '../../runtime/sampling/params.ts';

const numericFields = Object.keys(samplingRanges) as (keyof typeof samplingRanges)[];

describe('samplingParams', () => {
  it('gives the defaults', () => {
    expect(samplingParams({}, 100)).toEqual(defaultSampling);
  });

  it.each(numericFields)('%s: takes both ends of its range and nothing beyond', (field) => {
    const range = samplingRanges[field];
    expect(samplingParams({ [field]: range.min }, 100)[field]).toBe(range.min);
    expect(samplingParams({ [field]: range.max }, 100)[field]).toBe(range.max);
    const bad = [range.min - 1, range.max * 2 + 1, Number.NaN, Infinity, -Infinity, '1', null, {}];
    if ('integer' in range) bad.push(range.min + 0.5);
    for (const value of bad) {
      expect(() => samplingParams({ [field]: value as number }, 100)).toThrow(
        expect.objectContaining({ code: 'REQUEST_INVALID', fields: { field } }),
      );
    }
  });

  it.each([
    [-1, 0],
    [100, 0],
    [0.5, 0],
    [1, 101],
    [1, Number.NaN],
  ])('refuses a bias of token %d by %d', (token, bias) => {
    expect(() => samplingParams({ logitBias: new Map([[token, bias]]) }, 100)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  });
});
