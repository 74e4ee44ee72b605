import { expect, it } from 'vitest';
import { startChecksum } from '../../device-agent/browser/checksum.ts';
import type { Database } from '../../device-agent/browser/database.ts';
import { DatabaseTileCache } from '../../device-agent/browser/database-tile-cache.ts';

interface Deferred {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A browser's database that holds nothing, and ends transactions when it is told to. */
class SlowDatabase {
  readonly writes: Deferred[] = [];
  readonly transaction = (): object => {
    const done = new Promise<void>((resolve, reject) => {
      this.writes.push({ resolve, reject });
    });
    const store = { put: async () => {}, getAllKeys: async () => [], getAll: async () => [] };
    return { store, objectStore: () => store, done };
  };
}

async function open(): Promise<{ cache: DatabaseTileCache; database: SlowDatabase }> {
  const database = new SlowDatabase();
  const cache = await DatabaseTileCache.open(database as unknown as Database, 1e6, await startChecksum());
  database.writes.length = 0;
  return { cache, database };
}

const hash = (digit: string): string => digit.repeat(64);

it('tells when all that was sent to a page is in its database', async () => {
  const { cache, database } = await open();
  await cache.written();
  cache.store(hash('a'), new Uint8Array(10));
  cache.store(hash('b'), new Uint8Array(10));
  let isWritten = false;
  const written = cache.written().then(() => {
    isWritten = true;
  });
  database.writes[0]!.resolve();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isWritten).toBe(false);
  database.writes[1]!.resolve();
  await written;
});

it('does not wait for what the browser refuses to keep', async () => {
  const { cache, database } = await open();
  cache.store(hash('a'), new Uint8Array(10));
  database.writes[0]!.reject(new DOMException('no room', 'QuotaExceededError'));
  await cache.written();
  expect(cache.has(hash('a'), 10)).toBe(false);
  expect(() => cache.store(hash('b'), new Uint8Array(10))).toThrow(/keeps no tile/);
});
