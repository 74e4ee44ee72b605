import { expect, it } from 'vitest';
import { DutyCycle } from '../../device-agent/duty-cycle.ts';

it('a device at full effort never rests', () => {
  const cycle = new DutyCycle(() => 1);
  for (let i = 0; i < 100; i += 1) expect(cycle.computed(50)).toBe(0);
});

it.each([0.25, 0.5, 0.8])('with an effort of %f it computes for that part of the time', (effort) => {
  const cycle = new DutyCycle(() => effort);
  let rested = 0;
  for (let i = 0; i < 1000; i += 1) rested += cycle.computed(7);
  expect(7000 / (7000 + rested)).toBeCloseTo(effort, 2);
});

it('rests for what something else of the device has computed, too', () => {
  const cycle = new DutyCycle(() => 0.5);
  cycle.add(30);
  expect(cycle.computed(10)).toBe(40);
});

it('rests in pieces that are worth it, and not for so long that it seems dead', () => {
  let effort = 0.5;
  const cycle = new DutyCycle(() => effort);
  expect([cycle.computed(8), cycle.computed(8), cycle.computed(8)]).toEqual([0, 0, 24]);
  effort = 0;
  expect(cycle.computed(60_000)).toBe(1000);
});
