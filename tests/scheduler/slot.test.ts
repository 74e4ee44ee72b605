import { describe, expect, it } from 'vitest';
import { chooseSlot, type Slot } from '../../coordinator/scheduler/slot.ts';

function slot(index: number, held: number[], idleSince = 0): Slot {
  return { index, held, owner: undefined, idleSince };
}

describe('chooseSlot', () => {
  it.each([
    ['the longest shared prefix', [slot(0, [1, 2]), slot(1, [1, 2, 3])], [1, 2, 3, 4], 1],
    ['an empty slot if none is shared', [slot(0, [9]), slot(1, [])], [1, 2], 1],
    ['an empty slot rather than another conversation', [slot(0, [1, 7, 7, 7]), slot(1, [])], [1, 2], 1],
    ['the longest idle if none is empty', [slot(0, [9], 5), slot(1, [8], 3)], [1, 2], 1],
    [
      'a conversation whose last answer is asked for again',
      [slot(0, [1, 2, 3, 4]), slot(1, [])],
      [1, 2, 3],
      0,
    ],
  ])('takes %s', (_, slots, prompt, index) => {
    expect(chooseSlot(slots, prompt)!.index).toBe(index);
  });

  it('takes none if none is idle', () => {
    expect(chooseSlot([], [1])).toBeUndefined();
  });
});
