import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { House } from '../support/house.ts';
import { bytesOf, damagedIn, tilesIn } from '../support/kept-tiles.ts';
import { anyMoment, controlBytes, killBytesPerSecond, kills } from '../support/kills.ts';
import { Random } from '../support/random.ts';

const cache = 'agent';
const ready = /Ready/;

let house: House;
beforeEach(async () => {
  house = await House.build();
});
afterEach(() => house.close());

const missingBytes = () => house.allBytes - bytesOf(tilesIn(house.cache(cache)));

/** Starts a coordinator that is left alone until it has answered. */
async function finish(): Promise<unknown> {
  const coordinator = await house.serve();
  const [missing, before] = [missingBytes(), house.link.deliveredBytes];
  await coordinator.says(ready);
  const sentBytes = house.link.deliveredBytes - before;
  expect(sentBytes).toBeGreaterThanOrEqual(missing);
  expect(sentBytes).toBeLessThan(missing + controlBytes);
  const answer = await house.answer();
  await house.kill(coordinator);
  return answer;
}

/** An agent that lives through some kills of its coordinator. @returns after how many it had some of the tiles */
async function liveThrough(count: number, random: Random): Promise<number> {
  let halfway = 0;
  for (let i = 0; i < count; i += 1) {
    const coordinator = await house.serve();
    const [missing, before] = [missingBytes(), house.link.deliveredBytes];
    await anyMoment(house, coordinator, ready, missing, random);
    await house.kill(coordinator);
    house.link.cut();
    expect(house.link.deliveredBytes - before).toBeLessThan(missing + controlBytes);
    expect(damagedIn(house.cache(cache))).toEqual([]);
    const stillMissing = missingBytes();
    halfway += stillMissing > 0 && stillMissing < missing ? 1 : 0;
  }
  return halfway;
}

test('a coordinator that is killed again and again sends what was not kept', {
  timeout: 600_000,
}, async () => {
  const random = new Random(12);
  const answers: unknown[] = [];
  let halfway = 0;
  // The first agent is left in peace.
  const rounds = [0, ...new Array<number>(Math.ceil(kills.coordinators / 10)).fill(10)];
  for (const count of rounds) {
    const agent = house.join(cache);
    halfway += await liveThrough(count, random);
    answers.push(await finish());
    expect(answers.at(-1)).toEqual(answers[0]);
    await house.kill(agent);
    for (const name of [cache, 'coordinator']) rmSync(house.cache(name), { recursive: true });
    house.link.toAgents.bytesPerSecond = killBytesPerSecond;
  }
  console.log(`${kills.coordinators} kills, ${halfway} between two tiles`);
  expect(halfway).toBeGreaterThan(kills.coordinators / 4);
});
