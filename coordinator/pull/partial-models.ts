import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { partNames } from '../../runtime/gguf/split.ts';
import { chunkSum, chunksOf } from './chunks.ts';
import { type Journal, parseJournal } from './journal.ts';
import { journalEnding } from './model-paths.ts';

/** A model that is pulled in part. */
export interface PartialModel {
  readonly name: string;
  /** Where it will be; of a split model the first part. */
  readonly path: string;
  readonly bytes: number;
  readonly doneBytes: number;
}

/** What pulls have left in a folder, or are at work on; the parts of a split model together. */
export async function listPartialModels(folder: string): Promise<PartialModel[]> {
  const names = await readdir(folder).catch(() => []);
  const partials = new Map<string, PartialModel>();
  for (const name of names.filter((each) => each.endsWith(journalEnding)).sort()) {
    const file = name.slice(0, -journalEnding.length);
    const journal = await readJournal(join(folder, name), join(folder, `${file}.part`));
    if (!journal) continue;
    const first = partNames(file)[0]!;
    const { bytes, doneBytes } = partials.get(first) ?? { bytes: 0, doneBytes: 0 };
    partials.set(first, {
      name: basename(first, '.gguf'),
      path: join(folder, first),
      bytes: bytes + journal.identity.bytes,
      doneBytes: doneBytes + claimedBytes(journal),
    });
  }
  return [...partials.values()];
}

/** A journal without its part file is left over from a pull that was killed when all was done. */
async function readJournal(path: string, part: string): Promise<Journal | undefined> {
  const found = await stat(part).catch(() => undefined);
  return found && parseJournal(await readFile(path, 'utf8').catch(() => ''));
}

function claimedBytes({ identity, chunkBytes, chunks }: Journal): number {
  return chunkSum(chunksOf(identity.bytes, chunkBytes).filter(({ index }) => chunks.has(index)));
}
