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
  // What deals all the same tiles is one row, with all its names: which do depends on what is measured.
  const rows = [...stderr.matchAll(/^measuring: (.+)$/gm)].map(([, names]) => names!);
  const lines = stdout.split('\n');
  const rowOf = (name: string) => {
    const names = rows.find((row) => row.split(', ').includes(name));
    expect(names, `${name} in ${rows.join('; ')}`).toBeDefined();
    return lines.find((line) => line.startsWith(`${names} `));
  };
  for (const name of ['planned', 'equal tensor', 'equal pipeline', 'alone on other'])
    expect(rowOf(name), name).toMatch(/ +[\d.]+ +[\d.]+ +[+-]?\d+ % /);
  expect(rowOf('equal tensor')).toMatch(/, other +[\d.]+ /);
  expect(rowOf('alone on other')).toMatch(/ other +[\d.]+ /);
  for (const row of rows) expect(stdout).toContain(`\n${row} `);
});

test('does not take what says how to cut by hand', async () => {
  const { code, stderr } = await hearth('bench', '--cluster', '2', '--split', '1,1');
  expect(code).toBe(2);
  expect(stderr).toMatch(/--cluster.*cannot be used with.*--split/);
});
