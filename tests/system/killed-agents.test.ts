import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { House } from '../support/house.ts';
import { bytesOf, damagedIn, tilesIn } from '../support/kept-tiles.ts';
import { anyMoment, controlBytes, killBytesPerSecond, kills } from '../support/kills.ts';
import { Random } from '../support/random.ts';

const ready = /^ready$/m;

let house: House;
beforeEach(async () => {
  house = await House.build();
});
afterEach(() => house.close());

/** Joins with a cache until all is there. @returns the bytes that came */
async function finish(cache: string, threads = 1): Promise<{ sentBytes: number; answer: unknown }> {
  const before = house.link.deliveredBytes;
  const agent = house.join(cache, '--threads', `${threads}`);
  await agent.says(ready);
  const sentBytes = house.link.deliveredBytes - before;
  const answer = await house.answer();
  await house.kill(agent);
  // What was cut off in its middle is cleared away.
  expect(readdirSync(join(house.cache(cache), 'tiles', 'parts'))).toEqual([]);
  return { sentBytes, answer };
}

test('an agent that is killed again and again is sent what it has not kept', {
  timeout: 600_000,
}, async () => {
  await house.serve();
  const { answer } = await finish('undisturbed');
  const { allBytes } = house;
  house.link.toAgents.bytesPerSecond = killBytesPerSecond;
  const random = new Random(11);
  let lostBytes = 0;
  let halfway = 0;
  for (let kill = 0, round = 0; kill < kills.agents; round += 1) {
    const cache = `agent-${round}`;
    const threads = 1 + (round % 2);
    const keptBytes = () => bytesOf(tilesIn(house.cache(cache)));
    for (let i = 0; i < 10 && kill < kills.agents; i += 1, kill += 1) {
      const [missing, before] = [allBytes - keptBytes(), house.link.deliveredBytes];
      const agent = house.join(cache, '--threads', `${threads}`);
      await anyMoment(house, agent, ready, missing, random);
      await house.kill(agent);
      expect(damagedIn(house.cache(cache))).toEqual([]);
      const sentBytes = house.link.deliveredBytes - before;
      expect(sentBytes).toBeLessThan(missing + controlBytes);
      const stillMissing = allBytes - keptBytes();
      lostBytes += Math.max(0, sentBytes - controlBytes - (missing - stillMissing));
      halfway += stillMissing > 0 && stillMissing < missing ? 1 : 0;
    }
    const missing = allBytes - keptBytes();
    const last = await finish(cache, threads);
    expect(last.answer).toEqual(answer);
    expect(last.sentBytes).toBeGreaterThanOrEqual(missing);
    expect(last.sentBytes).toBeLessThan(missing + controlBytes);
  }
  const lostTiles = lostBytes / kills.agents / Math.max(...house.model.tiles.map((tile) => tile.byteLength));
  console.log(
    `${kills.agents} kills, ${halfway} between two tiles; each lost ${lostTiles.toFixed(1)} tiles under way`,
  );
  expect(halfway).toBeGreaterThan(kills.agents / 4);
  expect(lostTiles).toBeLessThan(8);
});
