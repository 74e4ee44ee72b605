import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../../runtime/error.ts';

interface Package {
  readonly root: string;
  readonly version: string;
}

let found: Package | undefined;

/** The folder of Hearth's package.json: the same from sources and from the bundles in dist/. */
export function packageRoot(): string {
  return findPackage().root;
}

/** Hearth's version, as it is told to peers. */
export function packageVersion(): string {
  return findPackage().version;
}

function findPackage(): Package {
  found ??= search(dirname(fileURLToPath(import.meta.url)));
  return found;
}

function search(folder: string): Package {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'hearth' && version) return { root: folder, version };
  }
  const parent = dirname(folder);
  assert(parent !== folder, 'these files lie under the package.json of hearth');
  return search(parent);
}
