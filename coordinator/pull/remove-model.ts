import { lstat, rm } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';
import { partNames } from '../../runtime/gguf/split.ts';
import { writing } from '../files/disk.ts';
import { builtInName } from '../files/model-folder.ts';
import { withLock } from './lock.ts';
import { isModelFileName, modelPaths } from './model-paths.ts';

/** What removing a model removes. */
export interface ModelFiles {
  readonly lock: string;
  readonly paths: readonly string[];
  /** On the disk: of a model pulled in part that is less than its length. */
  readonly bytes: number;
}

/**
 * Everything that the model folder has of a model: its file or all parts of it, whole and in part.
 * @param name as `hearth list` shows it
 * @throws HearthError USAGE for what is no name in that folder; FILE_NOT_FOUND
 */
export async function modelFiles(folder: string, name: string): Promise<ModelFiles> {
  const file = name.endsWith('.gguf') ? name : `${name}.gguf`;
  if (name === builtInName) throw new HearthError('USAGE', 'the built-in model comes with Hearth and stays');
  if (!isModelFileName(file))
    throw new HearthError('USAGE', `"${name}" is no name of a model in ${folder}: hearth list shows them`);
  const parts = partNames(file).map((part) => modelPaths(folder, part));
  const paths: string[] = [];
  let bytes = 0;
  for (const path of parts.flatMap((part) => [part.file, part.part, part.journal])) {
    const found = await lstat(path).catch(() => undefined);
    if (!found || found.isDirectory()) continue;
    paths.push(path);
    bytes += found.blocks * 512;
  }
  if (paths.length > 0) return { lock: parts[0]!.lock, paths, bytes };
  const message = `there is no model "${name}" in ${folder}: hearth list shows what is there`;
  throw new HearthError('FILE_NOT_FOUND', message, { name });
}

/** @throws HearthError PULL_BUSY while the model is being pulled; FILE_WRITE_FAILED */
export async function removeModel({ lock, paths }: ModelFiles): Promise<void> {
  await withLock(lock, async () => {
    for (const path of paths) await writing(path, rm(path, { force: true }));
  });
}
