import { codeOnly } from './source-text.ts';
import type { Rule } from './source-tree.ts';

const maxFileLines = 250;
/** A suite's cases stay together. */
const maxSuiteLines = 350;
const maxFunctionLines = 70;

/** Files that may be longer, each with the reason why it is still one concept. */
export const longFiles: Readonly<Record<string, string>> = {};

/** Functions that may be longer than a screen, by `path name`, each with the reason. */
export const longFunctions: Readonly<Record<string, string>> = {};

export const fileLength: Rule = ({ path, text }) => {
  const lines = text.trimEnd().split('\n').length;
  const most = path.endsWith('.test.ts') ? maxSuiteLines : maxFileLines;
  if (lines > most && !(path in longFiles)) return [`has ${lines} lines, more than ${most}`];
  if (lines <= most && path in longFiles) return ['is in longFiles, but no longer long'];
  return [];
};

export const functionLength: Rule = (file) =>
  functionsOf(file.text)
    .filter(({ name, lines }) => lines > maxFunctionLines && !(`${file.path} ${name}` in longFunctions))
    .map(({ name, lines }) => `${name} has ${lines} lines, more than ${maxFunctionLines}`);

/** Words that stand before a parenthesis and are no names of functions. */
const keywords: ReadonlySet<string> = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'return',
  'super',
  'await',
]);

const modifiers = '(?:(?:export|default|async|static|private|protected|public|override|get|set) )*';
const declaration = new RegExp(
  `^( *)${modifiers}(?:function\\*? *(\\w*)|const (\\w+) = (?:async )?(?:<.*>)?\\(|\\*?(#?\\w+)(?:<.*>)?\\()`,
);

/**
 * Declared functions, methods and named arrow functions with their lengths, by indentation: formatted code closes
 * a body with a brace of its own, below the declaration's first letter. What looks like a declaration but closes
 * otherwise is a call, whose arguments may be long (a `describe`).
 */
export function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = codeOnly(text, { strings: false }).split('\n');
  return lines.flatMap((line, first) => {
    const match = declaration.exec(line);
    const name = match?.[2] || match?.[3] || match?.[4];
    if (!match || !name || keywords.has(name) || line.trimEnd().endsWith(';')) return [];
    const indent = match[1]!;
    const last = lines.findIndex((other, at) => at > first && closes(other, indent));
    const isBody = last > first && /^\}[;,]?$/.test(lines[last]!.slice(indent.length).trimEnd());
    return isBody ? [{ name, lines: last - first + 1 }] : [];
  });
}

/** A line at the same depth (or further out) that ends what was open; the end of a parameter list does not. */
function closes(line: string, indent: string): boolean {
  const trimmed = line.trim();
  if (trimmed === '' || line.length - line.trimStart().length > indent.length) return false;
  return !/^[)}\]].*\{$/.test(trimmed);
}
