import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exactArithmetic, exactRelaxedSimd, noHostImports } from './arithmetic.ts';
import { importCycles, importDirections } from './imports.ts';
import { fileLength, functionLength, longFiles, longFunctions } from './sizes.ts';
import { isCode, isText, projectPaths, type Rule, readSource, root } from './source-tree.ts';
import {
  noFocusedTests,
  noMachinePaths,
  noMarkers,
  noProvenance,
  silentRuntime,
  strayFolders,
} from './wording.ts';

const paths = projectPaths();
const code = paths.filter(isCode).map(readSource);
// The rules about words would find themselves, and the lock file has hashes of others' making.
const texts = paths
  .filter((path) => isText(path) && !path.startsWith('tests/tidy/') && path !== 'package-lock.json')
  .map(readSource);

/** `path: problem` for all files. */
function violations(files: typeof code, rule: Rule): string[] {
  return files.flatMap((file) => rule(file).map((problem) => `${file.path}: ${problem}`));
}

describe('the project', () => {
  it('is there to be looked at', () => {
    expect(code.length).toBeGreaterThan(100);
  });

  it.each<[string, Rule]>([
    ['imports only what its layer may know', importDirections],
    ['has files of one concept', fileLength],
    ['has functions that fit a screen', functionLength],
    ['computes the same bits on every host', exactArithmetic],
    ['uses relaxed SIMD only where it is exact', exactRelaxedSimd],
    ['has kernels that ask nothing of the host', noHostImports],
    ['runs all its tests', noFocusedTests],
    ['has a silent runtime', silentRuntime],
  ])('%s', (_, rule) => {
    expect(violations(code, rule)).toEqual([]);
  });

  it.each<[string, Rule]>([
    ['marks nothing as unfinished', noMarkers],
    ['names no path of one machine', noMachinePaths],
    ['speaks of itself alone', noProvenance],
  ])('%s', (_, rule) => {
    expect(violations(texts, rule)).toEqual([]);
  });

  it('has no rings of imports', () => {
    expect(
      importCycles(code.filter(({ path }) => /^(runtime|device-agent|coordinator)\//.test(path))),
    ).toEqual([]);
  });

  it('has only the folders of the house at its top', () => {
    expect(strayFolders(paths)).toEqual([]);
  });

  it('excuses only files that are there', () => {
    const excused = [
      ...Object.keys(longFiles),
      ...Object.keys(longFunctions).map((key) => key.split(' ')[0]!),
    ];
    expect(excused.filter((path) => !paths.includes(path))).toEqual([]);
  });
});

describe.each(['baseline', 'relaxed'])('the %s build of the kernels', (build) => {
  const file = `${root}dist/assembly/kernels.${build}.wasm`;

  it.skipIf(!existsSync(file))('imports its memory and nothing else', async () => {
    const module = await WebAssembly.compile(new Uint8Array(readFileSync(file)));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
  });
});
