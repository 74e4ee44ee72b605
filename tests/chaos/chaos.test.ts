import { expect, it } from 'vitest';
import { scenario, undisturbed } from './scenario.ts';

it('whatever happens to a house, what it is asked is answered as if nothing had', {
  timeout: 120_000,
}, async () => {
  const expected = await undisturbed();
  expect(new Set(expected.flat()).size).toBeGreaterThan(30);
  const seen = new Set<string>();
  let answers = 0;
  for (let seed = 1; seed <= 30; seed += 1) {
    const report = await scenario(seed, expected);
    expect(report.failures, `seed ${seed}: node tests/chaos/chaos.mjs --seed ${seed} --trace`).toEqual([]);
    for (const fault of report.faults) seen.add(fault);
    answers += report.answers;
  }
  expect(answers).toBeGreaterThan(100);
  expect(seen.size).toBeGreaterThan(15);
});

it('is the same again for the same seed', async () => {
  const expected = await undisturbed();
  const [one, again, other] = [
    await scenario(5, expected),
    await scenario(5, expected),
    await scenario(6, expected),
  ];
  expect(again).toEqual(one);
  expect(other.trace).not.toEqual(one.trace);
});
