import { posix } from 'node:path';
import { codeOnly, lineAt } from './source-text.ts';
import type { Rule, SourceFile } from './source-tree.ts';

export interface Import {
  readonly line: number;
  /** As written: `./x.ts`, `ws`, `node:fs`. */
  readonly specifier: string;
  /** Erased by the compiler: `import type`, or a list in which every name has `type` before it. */
  readonly typeOnly: boolean;
}

const statement =
  /^\s*(?:import|export)\s+(?<type>type\s+)?(?:(?<names>[^'"`;]*?)\s+from\s+)?['"](?<specifier>[^'"]+)['"]/gm;
const dynamic = /\bimport\(\s*['"](?<specifier>[^'"]+)['"]/g;

export function importsOf({ text }: SourceFile): Import[] {
  const code = codeOnly(text, { strings: true });
  const found: Import[] = [];
  for (const match of code.matchAll(statement)) {
    const { type, names, specifier } = match.groups!;
    const list = names?.match(/^\{([^}]*)\}$/)?.[1]?.split(',');
    const allTypes = list?.every((name) => /^\s*(type\s|$)/.test(name)) ?? false;
    const line = lineAt(code, match.index + match[0].search(/\S/));
    found.push({ line, specifier: specifier!, typeOnly: type !== undefined || allTypes });
  }
  for (const match of code.matchAll(dynamic))
    found.push({ line: lineAt(code, match.index), specifier: match.groups!.specifier!, typeOnly: false });
  return found;
}

/** Path from the root of a relative import. */
export function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

interface Layer {
  readonly folders: readonly string[];
  /** Packages, also by a prefix of their path; `*` is any. */
  readonly packages: readonly string[];
  /** Whether a file may use Node's own modules. */
  readonly node: (path: string) => boolean;
}

/** Who may know whom: coordinator → device-agent → runtime → the kernels' compiled exports. Nothing points back. */
const layers: Readonly<Record<string, Layer>> = {
  assembly: { folders: ['assembly'], packages: [], node: () => false },
  runtime: {
    folders: ['runtime'],
    packages: ['@noble/curves', '@noble/hashes', 'msgpackr', '@huggingface/jinja'],
    node: () => false,
  },
  'device-agent': {
    folders: ['device-agent', 'runtime'],
    packages: ['ws', 'hash-wasm', 'idb', '@noble/hashes', 'msgpackr'],
    // The rest of the agent runs in a browser as well.
    node: (path) => path.startsWith('device-agent/node/'),
  },
  coordinator: { folders: ['coordinator', 'device-agent', 'runtime'], packages: ['*'], node: () => true },
  tests: {
    folders: ['tests', 'coordinator', 'device-agent', 'runtime', 'assembly'],
    packages: ['*'],
    node: () => true,
  },
};

/** Files outside the layers (builds, settings) may import what they like. */
export const importDirections: Rule = (file) => {
  const layer = layers[file.path.split('/')[0]!];
  if (!layer) return [];
  return importsOf(file).flatMap(({ line, specifier }) =>
    isAllowed(layer, file.path, specifier) ? [] : [`line ${line}: must not import ${specifier}`],
  );
};

function isAllowed(layer: Layer, path: string, specifier: string): boolean {
  if (specifier.startsWith('.')) return layer.folders.includes(resolveImport(path, specifier).split('/')[0]!);
  if (specifier.startsWith('node:')) return layer.node(path);
  return layer.packages.some(
    (name) => name === '*' || specifier === name || specifier.startsWith(`${name}/`),
  );
}

/**
 * Rings of files that import each other, each as `a → b → a`. Imports of types alone do not count: they are gone
 * at run time, and two types may well describe each other.
 */
export function importCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(files.map((file) => [file.path, valueImports(file)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return cycles;
}

function valueImports(file: SourceFile): string[] {
  return importsOf(file)
    .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
    .map(({ specifier }) => resolveImport(file.path, specifier));
}
