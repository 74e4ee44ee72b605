import { join } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { printable } from '../../runtime/protocol/error-report.ts';

/** Where one file of a model lies, and what lies beside it until it is whole. */
export interface ModelPaths {
  readonly file: string;
  readonly part: string;
  readonly journal: string;
  readonly lock: string;
}

export const journalEnding = '.part.journal';

export function modelPaths(folder: string, name: string): ModelPaths {
  const file = join(folder, checkedFileName(name));
  return { file, part: `${file}.part`, journal: `${file}${journalEnding}`, lock: `${file}.lock` };
}

/** @throws HearthError PULL_REFUSED where `isModelFileName` says no */
export function checkedFileName(name: string): string {
  if (isModelFileName(name)) return name;
  const shown = JSON.stringify(printable(name.slice(0, 100)));
  throw new HearthError(
    'PULL_REFUSED',
    `${shown} is no name for a model file: it must be plain and end in .gguf`,
  );
}

/**
 * Whether a file name means the same on every system and nothing but a model: no separators, drives or wildcards, no
 * control characters, neither hidden nor an option, not too long with endings.
 */
export function isModelFileName(name: string): boolean {
  const plain = /^[^.\-/\\<>:"|?*\p{C}][^/\\<>:"|?*\p{C}]*\.gguf$/u.test(name);
  return plain && Buffer.byteLength(name) <= 200;
}
