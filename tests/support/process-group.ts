import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { onTestFinished } from 'vitest';

/** A folder of a group that can be made there, and what to write into which of its files. */
export interface GroupLimit {
  readonly folder: string;
  readonly limits: Readonly<Record<string, string>>;
}

/** Makes the first group of processes that can be made, for as long as the test runs. @returns its folder */
export function processGroup(choices: readonly GroupLimit[]): string | undefined {
  for (const { folder, limits } of choices) {
    try {
      mkdirSync(folder);
      onTestFinished(() => rmdirSync(folder));
      for (const [file, text] of Object.entries(limits)) writeFileSync(join(folder, file), text);
      return folder;
    } catch {
      // Not this version of control groups, or not allowed.
    }
  }
  return undefined;
}

/** @returns what a function of a module that takes nothing returns in a process of a group */
export function callIn(group: string, module: string, name: string): number {
  const entry = fileURLToPath(new URL(`../../${module}`, import.meta.url));
  const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, write: false, platform: 'node' });
  const code = `${outputFiles[0]!.text}\nconsole.log(${name}());`;
  const script = `echo $$ > ${group}/cgroup.procs && exec "${process.execPath}" -`;
  return Number(execFileSync('sh', ['-c', script], { input: code, encoding: 'utf8' }));
}
