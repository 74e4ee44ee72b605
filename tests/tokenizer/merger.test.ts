import { expect, it } from 'vitest';
import { KeyHeap } from '../../runtime/tokenizer/key-heap.ts';
import { type MergeRules, Merger } from '../../runtime/tokenizer/merger.ts';
import { Random } from '../support/random.ts';

/** Merges of the symbols 0 to 5 and of what they make, at random; priorities may tie. */
function randomRules(random: Random): MergeRules {
  const merges = new Map<string, number>();
  const made: { priority: number; result: number }[] = [];
  for (let result = 6; result < 30; result++) {
    const pair = `${random.integer(result)} ${random.integer(result)}`;
    if (merges.has(pair)) continue;
    merges.set(pair, made.push({ priority: random.integer(12), result }) - 1);
  }
  return {
    find: (left, right) => merges.get(`${left} ${right}`) ?? -1,
    priority: (merge) => made[merge]!.priority,
    result: (merge) => made[merge]!.result,
  };
}

/** The definition, in quadratic time: the best pair, of equals the leftmost, until there is none. */
function mergeSlowly(symbols: readonly number[], rules: MergeRules): [number, number][] {
  const list = symbols.map((symbol, position): [number, number] => [symbol, position]);
  for (;;) {
    let best = -1;
    let bestMerge = -1;
    for (let i = 0; i + 1 < list.length; i++) {
      const merge = rules.find(list[i]![0], list[i + 1]![0]);
      if (merge < 0 || (bestMerge >= 0 && rules.priority(merge) >= rules.priority(bestMerge))) continue;
      best = i;
      bestMerge = merge;
    }
    if (best < 0) return list;
    list.splice(best, 2, [rules.result(bestMerge), list[best]![1]]);
  }
}

it('merges as the definition says', () => {
  const random = new Random(1);
  let merged = 0;
  for (let run = 0; run < 300; run++) {
    const rules = randomRules(random);
    const merger = new Merger(rules);
    for (const length of [0, 1, 2, random.integer(200)]) {
      const symbols = Array.from({ length }, () => random.integer(7) - 1);
      const found: [number, number][] = [];
      merger.merge(symbols, (symbol, position) => found.push([symbol, position]));
      expect(found).toEqual(mergeSlowly(symbols, rules));
      merged += length - found.length;
    }
  }
  expect(merged).toBeGreaterThan(1000);
});

it('has a heap that gives its keys in order', () => {
  const random = new Random(2);
  const heap = new KeyHeap();
  const keys = Array.from({ length: 5000 }, () => random.integer(1000));
  for (const key of keys) heap.push(key);
  const popped = keys.map(() => heap.pop());
  expect(popped).toEqual(keys.sort((a, b) => a - b));
  expect(heap.size).toBe(0);
});
