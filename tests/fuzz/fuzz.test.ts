import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { Random } from '../support/random.ts';
import { fuzz } from './fuzz.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { outcomeOf } from './outcome.ts';
import type { Target } from './target.ts';
import { targets } from './targets.ts';

/** Inputs that once did what they should not, in a folder for each target. */
const regressions = fileURLToPath(new URL('regressions/', import.meta.url));
/** Of those that take the longest fewer. */
const casesOf: Readonly<Record<string, number>> = {
  http: 150,
  template: 150,
  session: 100,
  member: 100,
  gguf: 200,
};

describe.each(Object.entries(targets))('what comes in by %s', (name, open) => {
  it('is read or refused, soon, and leaves nothing behind', async () => {
    const target = await open();
    try {
      for (const seed of target.seeds) await outcomeOf(target, seed);
      const folder = `${regressions}${name}`;
      for (const file of existsSync(folder) ? readdirSync(folder) : [])
        await outcomeOf(target, readFileSync(`${folder}/${file}`));
      const report = await fuzz(target, { cases: casesOf[name] ?? 400, seed: 11 });
      expect(report.failures).toEqual([]);
      // The changes are neither harmless nor always noticed by the first check.
      expect(report.outcomes.size).toBeGreaterThan(2);
    } finally {
      await target.close?.();
    }
  });
});

describe('a run', () => {
  /** Fails as it is told to. */
  const faulty = (read: Target['read']): Target => ({
    seeds: [Uint8Array.of(1, 2, 3, 4)],
    mutate: mutateBytes,
    read,
  });

  it('is the same for the same seed', async () => {
    const inputs = async (seed: number): Promise<string[]> => {
      const seen: string[] = [];
      await fuzz(
        faulty((input) => `${seen.push(Buffer.from(input).toString('hex')) % 7}`),
        { cases: 50, seed },
      );
      return seen;
    };
    expect(await inputs(3)).toEqual(await inputs(3));
    expect(await inputs(3)).not.toEqual(await inputs(4));
  });

  it('tells of what is thrown and is no error of ours, once for each place', async () => {
    const target = faulty((input) => {
      if (input.length > 4) throw new TypeError('longer');
      if (input.length < 4) throw new HearthError('FRAME_TRUNCATED', 'shorter');
      return 'read';
    });
    const { failures, outcomes } = await fuzz(target, { cases: 200, seed: 1 });
    expect(failures.map(({ kind, problem }) => [kind, problem.split('\n')[0]])).toEqual([
      ['crash', 'TypeError: longer'],
    ]);
    expect([...outcomes.keys()].sort()).toEqual(['CRASH', 'FRAME_TRUNCATED: shorter', 'read']);
  });

  it('tells of what takes too long, allocates too much or is kept', async () => {
    const slow = faulty(() => {
      // Of a processor's time, whoever else wants one.
      const { user } = process.cpuUsage();
      while (process.cpuUsage().user - user < 1.1e6);
      return 'read';
    });
    expect((await fuzz(slow, { cases: 1, seed: 1 })).failures).toMatchObject([{ kind: 'slow' }]);
    const greedy = faulty(() => `${new Uint8Array(256 << 20).length}`);
    expect((await fuzz(greedy, { cases: 1, seed: 1 })).failures).toMatchObject([{ kind: 'memory' }]);
    const kept: Uint8Array[] = [];
    const hoarding = faulty(() => `${kept.push(new Uint8Array(1 << 20).fill(1)) % 3}`);
    expect((await fuzz(hoarding, { cases: 50, seed: 1 })).failures).toMatchObject([{ kind: 'growth' }]);
  });

  it('changes inputs that came to a new end further', async () => {
    // Each byte is found only by who goes on from the ones before.
    const target = faulty((input) => {
      const found = [9, 8, 7].findIndex((byte, i) => input[i] !== byte);
      return `${found}`;
    });
    const { outcomes } = await fuzz(target, { cases: 40_000, seed: 2 });
    expect(outcomes.has('-1')).toBe(true);
  });
});

it('changes are of many kinds, from single bytes to long repetitions', () => {
  const random = new Random(5);
  const input = Uint8Array.from({ length: 64 }, (_, i) => i);
  const lengths = Array.from({ length: 2_000 }, () => mutateBytes(input, random, input).length);
  expect(new Set(lengths).size).toBeGreaterThan(100);
  expect(Math.max(...lengths)).toBeGreaterThan(10_000);
});
