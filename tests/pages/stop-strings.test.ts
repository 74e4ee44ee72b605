import { expect, it } from 'vitest';
import { stopLines, stopProblem, stopStrings } from '../../coordinator/pages/chat/views/stop-strings.ts';
import { samplingFields } from '../../coordinator/http/sampling-fields.ts';

it('stop strings are lines, and line breaks in them are written out', () => {
  expect(stopStrings('User:\n\n\\n\\n\n')).toEqual(['User:', '\n\n']);
  expect(stopLines(['User:', '\n\n'])).toBe('User:\n\\n\\n');
  expect(stopLines('one')).toBe('one');
  expect(stopLines()).toBe('');
});

it('the page refuses what the coordinator would refuse', () => {
  const all = [['a'], Array(16).fill('a'), Array(17).fill('a'), ['a'.repeat(256)], ['a'.repeat(257)]];
  const taken = all.map((stop) => samplingFields.stop.safeParse(stop).success);
  expect(all.map((stop) => stopProblem(stop) === '')).toEqual(taken);
  expect(taken).toEqual([true, true, false, true, false]);
});
