import { writeSync } from 'node:fs';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { Random } from '../support/random.ts';
import { seededTile } from './seeded-tile.ts';

/** What a process of its own does with a folder of tiles, given as JSON in its first argument. */
export interface CacheTask {
  /** `store`: until it is killed. `mix`: whatever a device may do, so many times. `hold`: opens all tiles at once. */
  readonly what: 'store' | 'mix' | 'hold';
  readonly folder: string;
  readonly limitBytes: number;
  readonly tileCount: number;
  readonly tileBytes: number;
  readonly seed: number;
  readonly rounds: number;
}

const task = JSON.parse(process.argv[2]!) as CacheTask;
const cache = new FolderTileCache({ ...task, keepFreeBytes: 0 });
const random = new Random(task.seed);
const tiles = Array.from({ length: task.tileCount }, (_, i) => seededTile(i, task.tileBytes));
const target = new Uint8Array(task.tileBytes);
const anyTile = () => tiles[random.integer(tiles.length)]!;

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(what);
}

const tasks: Record<CacheTask['what'], () => unknown> = {
  store() {
    writeSync(1, 'ready\n');
    for (let i = 0; i < task.rounds; i += 1) {
      const { hash, bytes } = anyTile();
      cache.store(hash, bytes);
    }
  },

  mix() {
    const count = { stored: 0, loaded: 0, opened: 0 };
    for (let i = 0; i < task.rounds; i += 1) {
      const { hash, bytes } = anyTile();
      const file = cache.open(hash, bytes.length);
      if (random.integer(2) === 0) cache.has(hash, bytes.length);
      const isThere = cache.load(hash, target.fill(0));
      if (isThere) check(Buffer.compare(target, bytes) === 0, 'another tile was loaded');
      else cache.store(hash, bytes);
      if (file) {
        file.readInto(target.fill(0));
        check(Buffer.compare(target, bytes) === 0, 'another tile was read');
        file.close();
      }
      count.stored += isThere ? 0 : 1;
      count.loaded += isThere ? 1 : 0;
      count.opened += file ? 1 : 0;
    }
    return count;
  },

  hold() {
    for (const { hash, bytes } of tiles) cache.store(hash, bytes);
    const files = tiles.map(({ hash, bytes }) => cache.open(hash, bytes.length)!);
    files.forEach((file, i) => {
      file.readInto(target.fill(0));
      check(Buffer.compare(target, tiles[i]!.bytes) === 0, 'another tile was read');
    });
    // The process can still do something else.
    return { opened: files.length, loaded: cache.load(tiles[0]!.hash, target) };
  },
};

writeSync(1, JSON.stringify(tasks[task.what]() ?? 'survived'));
