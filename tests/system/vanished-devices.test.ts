import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FaultRun, type FaultTimes, faultKinds } from '../soak/fault-run.ts';
import { endlessModel } from '../support/endless-model.ts';
import { House } from '../support/house.ts';
import { Random } from '../support/random.ts';

/** The long version is tests/soak/faults.mjs. */
test('devices that vanish under running answers cost a pause, and no token', {
  timeout: 180_000,
}, async () => {
  const house = await House.build();
  writeFileSync(house.modelPath, await endlessModel());
  const random = new Random(31);
  const prompt = Array.from({ length: 90 }, () => 300 + random.integer(2000));
  const run = await FaultRun.start(house, {
    agents: 3,
    streams: 2,
    questions: [1, 2, 3].map((seed) => ({ prompt, seed, max_tokens: 60 })),
    random,
    serveArgs: ['--split', '1,1,1', '--context', '256'],
  });
  const times: FaultTimes[] = [];
  try {
    await run.learn();
    await run.faults(faultKinds, (one) => times.push(one));
  } finally {
    await run.close();
    await house.close();
  }
  expect(times.map(({ kind }) => kind)).toEqual(faultKinds);
  // An idle link would be given up after 10 s.
  for (const { detectionMs } of times) expect(detectionMs).toBeLessThan(9_000);
  expect(Math.max(...times.map(({ kept }) => kept))).toBeGreaterThan(0);
  expect(run.answers).toBeGreaterThan(0);
  expect(run.wrong).toBe(0);
});
