import { codeOnly, matches } from './source-text.ts';
import { isCode, type Rule } from './source-tree.ts';

/** Unfinished work is finished or described in the docs, not marked in the code. */
export const noMarkers: Rule = ({ text }) =>
  matches(text, /\b(TODO|FIXME|XXX)\b/g, ([marker]) => `${marker} marks something unfinished`);

export const noFocusedTests: Rule = ({ path, text }) => {
  if (!isCode(path)) return [];
  return matches(
    codeOnly(text, { strings: false }),
    /\.only\(/g,
    () => 'a focused test leaves all others out',
  );
};

/** What the runtime has to say it throws or returns: it runs in browsers and workers, and in simulations. */
export const silentRuntime: Rule = ({ path, text }) => {
  if (!path.startsWith('runtime/')) return [];
  return matches(
    codeOnly(text, { strings: false }),
    /\bconsole\b/g,
    () => 'the runtime does not write to a console',
  );
};

/** Nobody else's machine has these folders. */
export const noMachinePaths: Rule = ({ text }) =>
  matches(
    text,
    /(?<![\w.~)}-])\/(?:work|tmp|home|root)\/\S*/g,
    ([path]) => `${path} is a path of one machine`,
  );

/** A reader of the project knows the project alone: not who made a change, nor where it was discussed. */
export const noProvenance: Rule = ({ text }) =>
  matches(
    text,
    /\b(?:issue|ticket|pull request|PR|session|helper)s? (?:#|no\. ?)?\d+\b|\bGH-\d+\b/gi,
    ([words]) => `"${words}" means nothing to a reader`,
  );

const topFolders: ReadonlySet<string> = new Set([
  'assembly',
  'runtime',
  'device-agent',
  'coordinator',
  'tests',
  'docs',
  'models',
]);

/** Folders at the top that the house has no room for. Hidden ones belong to tools. */
export function strayFolders(paths: readonly string[]): string[] {
  const folders = paths.filter((path) => path.includes('/')).map((path) => path.split('/')[0]!);
  return [...new Set(folders)].filter((folder) => !topFolders.has(folder) && !folder.startsWith('.'));
}
