import { expect, onTestFinished, test } from 'vitest';
import { hearth } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';

test('compares ways to share a model between this device and one that joins', {
  timeout: 120_000,
}, async () => {
  const house = await House.build();
  onTestFinished(() => house.close());
  const tiny = ['-p', '8', '-n', '2', '-r', '1', '-t', '1', '--port', '0'];
  const keys = { HEARTH_KEYS: house.cache('keys'), HEARTH_CACHE: house.cache('coordinator') };
  const bench = house.start(['bench', house.modelPath, '--cluster', '2', ...tiny], keys);
  const [, joinUrl] = await bench.says(/waiting for 1 more to join:\n {2}npx hearth join "(.+)"/);
  house.start(['join', joinUrl!, '--name', 'other', '--threads', '1'], {
    HEARTH_KEYS: house.cache('other-keys'),
    HEARTH_CACHE: house.cache('other'),
  });
  const { code, stdout, stderr } = await bench.finished();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^planned: .* tokens\/s/);
  expect(stdout).toMatch(/^LAYOUT +DEVICES +TOKENS\/S +PREDICTED +OFF BY /m);
  expect(stdout).toMatch(/^equal tensor .*, other +[\d.]+ +[\d.]+ +[+-]?\d+ % /m);
  expect(stdout).toMatch(/^(planned|alone on other|best solo) +other +[\d.]+ /m);
  const named = [...stderr.matchAll(/^measuring: (.+)$/gm)].map(([, name]) => name);
  expect(named).toContain('equal pipeline');
  for (const name of named) expect(stdout).toMatch(new RegExp(`^${name} `, 'm'));
});

test('does not take what says how to cut by hand', async () => {
  const { code, stderr } = await hearth('bench', '--cluster', '2', '--split', '1,1');
  expect(code).toBe(2);
  expect(stderr).toMatch(/--cluster.*cannot be used with.*--split/);
});
