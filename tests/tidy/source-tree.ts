import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Folder of the project, with a slash behind it. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** One text of the project. */
export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A rule looks at one file and says what is wrong with it, each in a line for people. */
export type Rule = (file: SourceFile) => string[];

/** Folders that no list of sources contains, where git is not there to say so. */
const ignoredFolders: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git']);

/** Every path that is in the project: what git tracks and what it would track, or all files without git. */
export function projectPaths(): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const paths = listed.split('\0').filter((path) => path !== '' && existsSync(root + path));
    if (paths.length > 0) return [...new Set(paths)].sort();
  } catch {
    // Not a git checkout, or no git: walk instead.
  }
  return walk('').sort();
}

export function walk(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return ignoredFolders.has(entry.name) ? [] : walk(`${folder}${entry.name}/`);
    return [folder + entry.name];
  });
}

export function readSource(path: string): SourceFile {
  return { path, text: readFileSync(root + path, 'utf8') };
}

export function isCode(path: string): boolean {
  return /\.(ts|tsx|mts|js|mjs|cjs)$/.test(path);
}

export function isText(path: string): boolean {
  return isCode(path) || /\.(md|json|txt|html|css|py|sh|yml|yaml)$/.test(path) || /^[^/]*$/.test(path);
}
