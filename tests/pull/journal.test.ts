import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chunkSum, chunksOf } from '../../coordinator/pull/chunks.ts';
import {
  difference,
  type FileIdentity,
  journalHead,
  journalLine,
  parseJournal,
} from '../../coordinator/pull/journal.ts';
import { withLock } from '../../coordinator/pull/lock.ts';
import { retryAfterMs } from '../../coordinator/pull/retry.ts';

const hash = (digit: string) => digit.repeat(64);
const identity: FileIdentity = { url: 'https://x.test/a', bytes: 250, sha256: hash('a'), validator: '"1"' };

describe('chunks', () => {
  it.each([
    [250, 100, [100, 100, 50]],
    [200, 100, [100, 100]],
    [5, 100, [5]],
  ])('of %i bytes by %i', (bytes, size, lengths) => {
    const chunks = chunksOf(bytes, size);
    expect(chunks.map(({ start, end }) => end - start)).toEqual(lengths);
    expect(chunks.map(({ start }) => start)).toEqual(chunks.map(({ index }) => index * size));
    expect(chunkSum(chunks)).toBe(bytes);
  });
});

describe('a journal', () => {
  const text = journalHead(identity, 100) + journalLine(2, hash('c')) + journalLine(0, hash('b'));

  it('says what it was told', () => {
    const chunks = new Map([
      [2, hash('c')],
      [0, hash('b')],
    ]);
    expect(parseJournal(text)).toEqual({ identity, chunkBytes: 100, chunks });
  });

  it('cut anywhere says less, and nothing wrong', () => {
    const whole = parseJournal(text)!;
    for (let length = 0; length < text.length; length += 1) {
      const journal = parseJournal(text.slice(0, length));
      if (length < journalHead(identity, 100).length) expect(journal).toBeUndefined();
      else for (const [index, sha] of journal!.chunks) expect(whole.chunks.get(index)).toBe(sha);
    }
  });

  it.each([
    ['not-json\n'],
    ['null\n'],
    ['{"format":"hearth-pull-2"}\n'],
    [journalHead(identity, 0)],
    [journalHead({ ...identity, bytes: -1 }, 100)],
  ])('%j is none', (other) => {
    expect(parseJournal(other)).toBeUndefined();
  });

  it.each([journalLine(3, hash('d')), journalLine(-1, hash('d')), journalLine(1, 'd'), '7\n', '{\n'])(
    'ends at %j',
    (line) => {
      const { chunks } = parseJournal(journalHead(identity, 100) + line + journalLine(0, hash('b')))!;
      expect(chunks.size).toBe(0);
    },
  );
});

describe('the same file', () => {
  const plain: FileIdentity = { url: 'https://x.test/a', bytes: 250, validator: '"1"' };
  it.each([
    ['the same in all', identity, {}, undefined],
    ['the same hash elsewhere', identity, { url: 'https://y.test/a', validator: '"2"' }, undefined],
    ['another hash', identity, { sha256: hash('b') }, /SHA-256/],
    ['another length', identity, { bytes: 251 }, /250 bytes.*251/],
    ['the same ETag', plain, {}, undefined],
    ['another ETag', plain, { validator: '"2"' }, /ETag/],
    ['another place', plain, { url: 'https://y.test/a' }, /place/],
    ['no ETag', plain, { validator: undefined }, /no ETag/],
    ['a hash now', plain, { sha256: hash('a') }, /SHA-256/],
  ])('%s', (_, begun, change, expected) => {
    const found = difference(begun, { ...begun, ...change });
    if (expected) expect(found).toMatch(expected);
    else expect(found).toBeUndefined();
  });
});

it.each([
  ['5', 5000],
  ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %s is %s ms', (header, expected) => {
  expect(retryAfterMs(header, Date.parse('2026-11-22T10:00:00Z'))).toBe(expected);
});

describe('a lock', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-lock-'));
  const path = join(folder, 'x.lock');

  it('holds while its task runs, and is gone after it, also when that fails', async () => {
    const nested = withLock(path, () => withLock(path, async () => 'both'));
    await expect(nested).rejects.toMatchObject({ code: 'PULL_BUSY', fields: { holder: process.pid } });
    await expect(withLock(path, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await withLock(path, async () => 'free')).toBe('free');
    expect(readdirSync(folder)).toEqual([]);
  });

  // Linux gives no process a number above 2^22.
  it.each(['4194305', 'no number', ''])(
    'of a process that is gone counts for nothing: %j',
    async (content) => {
      writeFileSync(path, content);
      expect(await withLock(path, async () => 'taken')).toBe('taken');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('is taken by one of many that find it stale', async () => {
    writeFileSync(path, '4194305');
    let inside = 0;
    const attempts = Array.from({ length: 8 }, () =>
      withLock(path, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 50));
        inside -= 1;
      }),
    );
    const results = await Promise.allSettled(attempts);
    const others = results.filter((result) => result.status === 'rejected');
    expect(others.map(({ reason }) => reason.code)).toEqual(new Array(7).fill('PULL_BUSY'));
    rmSync(folder, { recursive: true });
  });
});
