import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hearth } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { tilesIn } from '../support/kept-tiles.ts';
import { heavyShape, memoryFor, shortContext } from '../support/small-memory.ts';

let house: House;
/** Of an agent with room enough. */
let answer: unknown;
const mounts: string[] = [];
beforeAll(async () => {
  house = await House.build(heavyShape);
  const coordinator = await house.serve(...shortContext);
  house.join('undisturbed');
  await coordinator.says(/Ready/);
  answer = await house.answer();
  await house.killAll();
});
afterEach(async () => {
  await house.killAll();
  for (const folder of mounts.splice(0)) execFileSync('umount', [folder]);
});
afterAll(() => house.close());

/** Puts a disk of its own under what a process keeps. */
function smallDisk(cache: string): string {
  const folder = house.cache(cache);
  mkdirSync(folder, { recursive: true });
  mountSmall(folder);
  mounts.push(folder);
  return folder;
}

function mountSmall(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'pipe' });
}

function whyNoMounts(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-disk-'));
  try {
    mountSmall(folder);
    execFileSync('umount', [folder]);
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const reason = whyNoMounts();
if (reason) console.log(`skipped, since no small disk can be mounted: ${reason}`);
const small = test.skipIf(reason !== undefined);

describe('an agent on a full disk', () => {
  small('goes on where its memory suffices, and says once that it keeps nothing', async () => {
    smallDisk('full');
    const coordinator = await house.serve(...shortContext);
    const agent = house.join('full');
    await coordinator.says(/Ready/);
    expect(await house.answer()).toEqual(answer);
    expect(tilesIn(house.cache('full'))).toEqual([]);
    const { stderr } = await agent.kill('SIGINT');
    expect(stderr.match(/cannot be kept/g)).toHaveLength(1);
    expect(stderr).toMatch(/note: .*cannot keep a tile of \d+ bytes.*CACHE_WRITE_FAILED/);
  });

  small('declines where weights must stream, says why, and another takes over', async () => {
    const memory = await memoryFor(house, 0.22);
    smallDisk('full');
    const coordinator = await house.serve(...shortContext, '--split', '1,1', '--devices', '1');
    const agent = house.join('full', '--memory', memory);
    await declinedWith(/cannot keep a tile of \d+ bytes in .*: no room/);
    await agent.says(/error: .*cannot keep a tile of \d+ bytes.*CACHE_WRITE_FAILED/);
    await coordinator.says(/a device declined its tiles/);
    house.join('roomy', '--memory', memory);
    await coordinator.says(/Ready/);
    expect(await house.answer()).toEqual(answer);
    const states = (await house.devices()).map(({ name, state }) => [name, state]);
    expect(states).toEqual([
      ['full', 'declined'],
      ['roomy', 'ready'],
    ]);
  });
});

/** What `hearth devices` says of the one device, which is called `full`. */
async function declinedWith(reason: RegExp): Promise<void> {
  await house.device('full', 'declined');
  const listed = await hearth('devices', '--url', house.url);
  expect(listed.code).toBe(0);
  expect(listed.stdout).toMatch(reason);
}

small('a coordinator on a full disk sends what it cannot remember', async () => {
  const folder = smallDisk('forgetful');
  mkdirSync(join(folder, 'hashes'));
  expect(() => writeFileSync(join(folder, 'filler'), new Uint8Array(5e6))).toThrow(/ENOSPC/);
  const coordinator = await house.serveFrom('forgetful', ...shortContext);
  house.join('agent');
  await coordinator.says(/Ready/);
  expect(await house.answer()).toEqual(answer);
  const { stderr } = await coordinator.kill('SIGINT');
  expect(stderr.match(/cannot be remembered/g)).toHaveLength(1);
  expect(stderr).toMatch(/ENOSPC/);
  expect(readdirSync(join(folder, 'hashes'))).toHaveLength(1);
});

test('devices that together have too little memory wait for others, and the numbers are told', async () => {
  const coordinator = await house.serve(...shortContext);
  const agent = house.join('full', '--memory', '1MB');
  await coordinator.says(/no plan was found/);
  const { state, tiles } = await house.device('full', 'stand-by');
  expect([state, tiles]).toEqual(['stand-by', 0]);
  const listed = await hearth('devices', '--url', house.url);
  expect(listed.stdout).toMatch(/takes \d+ bytes of weights .* has room for 0 /);
  await expect(house.answer()).rejects.toThrow(/503.*SERVER_LOADING/);
  house.join('roomy');
  await coordinator.says(/Ready/);
  expect(await house.answer()).toEqual(answer);
  expect((await agent.kill('SIGINT')).code).toBe(0);
});

test('an agent that was given more than it can hold declines with the numbers, and waits', async () => {
  const coordinator = await house.serve(...shortContext, '--split', '1,1', '--devices', '1');
  const agent = house.join('full', '--memory', '1MB');
  await declinedWith(/takes \d+ bytes for KV pages .* and this device may use 0\./);
  await agent.says(/error: .*this device may use 0\. .*MEMORY_EXHAUSTED.*\ndeclined; waiting for other work/);
  await coordinator.says(/a device declined its tiles/);
});
