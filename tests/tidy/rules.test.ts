import { describe, expect, it } from 'vitest';
import { exactArithmetic, exactRelaxedSimd, noHostImports } from './arithmetic.ts';
import { importCycles, importDirections, importsOf } from './imports.ts';
import { fileLength, functionLength, functionsOf } from './sizes.ts';
import { codeOnly } from './source-text.ts';
import type { Rule } from './source-tree.ts';
import {
  noFocusedTests,
  noMachinePaths,
  noMarkers,
  noProvenance,
  silentRuntime,
  strayFolders,
} from './wording.ts';

/** What a rule says of a file with one text. */
function judge(rule: Rule, path: string, text: string): string[] {
  return rule({ path, text });
}

const lines = (count: number, line = '  work();') => Array.from({ length: count }, () => line).join('\n');

describe('codeOnly', () => {
  it.each([
    ['a // Math.exp', 'a            '],
    ['a /* b\nc */ d', 'a     \n     d'],
    ["f('// no comment') // one", 'f(               )       '],
    [`\`text \${code(\`inner \${x}\`)} text\``, '        code(         x  )       '],
    ['x = /[\'"`]/g.test(y)', 'x =        g.test(y)'],
    ['a / b / c', 'a / b / c'],
    ["'it\\'s' + z", '        + z'],
  ])('blanks what is not code in %j', (text, code) => {
    expect(codeOnly(text, { strings: false })).toBe(code);
  });

  it('may keep strings', () => {
    expect(codeOnly("import 'x'; // why", { strings: true })).toBe("import 'x';       ");
  });
});

describe('imports', () => {
  it('are found in all their forms', () => {
    const text = `import a from 'a';
import type { B } from './b.ts';
import { type C, type D } from './c.ts';
import {
  type E,
  f,
} from './e.ts';
export * from './g.ts';
import './h.ts';
const i = await import('./i.ts');
// import './comment.ts';
const text = "import './string.ts'";`;
    expect(importsOf({ path: 'runtime/x.ts', text })).toEqual([
      { line: 1, specifier: 'a', typeOnly: false },
      { line: 2, specifier: './b.ts', typeOnly: true },
      { line: 3, specifier: './c.ts', typeOnly: true },
      { line: 4, specifier: './e.ts', typeOnly: false },
      { line: 8, specifier: './g.ts', typeOnly: false },
      { line: 9, specifier: './h.ts', typeOnly: false },
      { line: 10, specifier: './i.ts', typeOnly: false },
    ]);
  });

  it.each([
    ['assembly/a.ts', '../runtime/error'],
    ['assembly/a.ts', 'assemblyscript'],
    ['runtime/a.ts', 'node:fs'],
    ['runtime/a.ts', 'ws'],
    ['runtime/a.ts', 'msgpackr-extract'],
    ['runtime/a/b.ts', '../../device-agent/session.ts'],
    ['runtime/a/b.ts', '../../tests/support/random.ts'],
    ['device-agent/session.ts', 'node:os'],
    ['device-agent/session.ts', '../coordinator/hearth.ts'],
    ['coordinator/a.ts', '../tests/support/random.ts'],
  ])('%s must not import %s', (path, specifier) => {
    expect(judge(importDirections, path, `import { x } from '${specifier}';`)).toEqual([
      `line 1: must not import ${specifier}`,
    ]);
  });

  it.each([
    ['assembly/a.ts', './simd'],
    ['runtime/a/b.ts', '../error.ts'],
    ['runtime/a.ts', '@noble/hashes/sha2.js'],
    ['device-agent/node/a.ts', 'node:fs'],
    ['device-agent/node/local-worker.ts', 'node:worker_threads'],
    ['coordinator/a.ts', '../device-agent/session.ts'],
    ['tests/a/b.ts', '../../assembly/simd.ts'],
    ['build.mjs', 'esbuild'],
  ])('%s may import %s', (path, specifier) => {
    expect(judge(importDirections, path, `import { x } from '${specifier}';`)).toEqual([]);
  });

  it('must not form rings, but types may refer to each other', () => {
    const file = (name: string, ...imports: string[]) => ({
      path: `runtime/${name}.ts`,
      text: imports.join('\n'),
    });
    const ring = [
      file('a', "import { b } from './b.ts';"),
      file('b', "import { c } from './c.ts';"),
      file('c', "import { b } from './b.ts';"),
    ];
    expect(importCycles(ring)).toEqual(['runtime/b.ts → runtime/c.ts → runtime/b.ts']);
    const types = [file('a', "import { b } from './b.ts';"), file('b', "import type { A } from './a.ts';")];
    expect(importCycles(types)).toEqual([]);
  });
});

describe('sizes', () => {
  it('are limited for files', () => {
    expect(judge(fileLength, 'runtime/a.ts', lines(250))).toEqual([]);
    expect(judge(fileLength, 'runtime/a.ts', lines(251))).toEqual(['has 251 lines, more than 250']);
    expect(judge(fileLength, 'tests/a.test.ts', lines(351))).toEqual(['has 351 lines, more than 350']);
  });

  it.each([
    ['function f() {', '}'],
    ['export async function f(\n  a: number,\n): Promise<void> {', '}'],
    ['const f = async (a: number): Promise<void> => {', '};'],
    ['  async f(): Promise<void> {', '  }'],
    ['  #f<T>(a: T): void {', '  }'],
    ['  *f() {', '  }'],
  ])('are limited for functions such as %j', (head, end) => {
    const text = `class A {\n${head}\n${lines(70, '    work();')}\n${end}\n}`;
    const name = head.includes('#') ? '#f' : 'f';
    const length = head.split('\n').length + 71;
    expect(judge(functionLength, 'runtime/a.ts', text)).toEqual([
      `${name} has ${length} lines, more than 70`,
    ]);
  });

  it('count functions, not calls', () => {
    const text = `describe('x', () => {\n${lines(90)}\n});\nfunction f() {\n  if (a) {\n${lines(2)}\n  }\n  expect(a)\n    .toBe(b);\n}`;
    expect(functionsOf(text)).toEqual([{ name: 'f', lines: 8 }]);
  });
});

describe('rules find', () => {
  it.each<[string, Rule, string, string]>([
    ['a transcendental', exactArithmetic, 'runtime/a.ts', 'Math.exp(x)'],
    ['a random number', exactArithmetic, 'runtime/a.ts', 'Math.random()'],
    ['a destructured Math', exactArithmetic, 'runtime/a.ts', 'const { pow } = Math;'],
    ['a float Math', exactArithmetic, 'assembly/a.ts', 'Mathf.sin(x)'],
    ['a power', exactArithmetic, 'runtime/a.ts', 'base ** 2'],
    ['a computed power of two', exactArithmetic, 'runtime/a.ts', '2 ** bits'],
    ['a power in a template', exactArithmetic, 'runtime/a.ts', `\`\${Math.log2(x)}\``],
    ['a relaxed multiply-add', exactRelaxedSimd, 'assembly/a.ts', 'f32x4.relaxed_madd(a, b, c)'],
    ['a host import', noHostImports, 'assembly/a.ts', '@external("env", "now")'],
    ['a declared function', noHostImports, 'assembly/a.ts', 'declare function now(): f64;'],
    ['unfinished work', noMarkers, 'docs/a.md', 'TODO: later'],
    ['a focused test', noFocusedTests, 'tests/a.test.ts', "it.only('x', f)"],
    ['output of the runtime', silentRuntime, 'runtime/a.ts', 'console.log(x)'],
    ['a path', noMachinePaths, 'docs/a.md', 'see `/home/me/notes`'],
    ['a path in quotes', noMachinePaths, 'tests/a.ts', "read('/tmp/x')"],
    ['an issue', noProvenance, 'docs/a.md', 'as in issue #12'],
    ['a session', noProvenance, 'runtime/a.ts', '// since session 3'],
  ])('%s', (_, rule, path, text) => {
    expect(judge(rule, path, `ok();\n${text}`)).toEqual([expect.stringMatching(/^line 2: /)]);
  });

  it('a stray folder', () => {
    expect(strayFolders(['README.md', 'docs/a.md', 'tools/a.ts', '.github/ci.yml'])).toEqual(['tools']);
  });
});

describe('rules leave alone', () => {
  it.each<[string, Rule, string, string]>([
    ['exact functions', exactArithmetic, 'runtime/a.ts', 'Math.sqrt(Math.max(a, b))'],
    ['powers of two', exactArithmetic, 'runtime/a.ts', '2 ** 53 - 1'],
    ['prose', exactArithmetic, 'runtime/a.ts', "/** Not Math.exp, nor a ** b. */ const text = 'Math.pow';"],
    ['other layers', exactArithmetic, 'coordinator/a.ts', 'Math.random()'],
    ['dot products', exactRelaxedSimd, 'assembly/a.ts', 'v128.relaxed_dot<i16>(a, b)'],
    ['truncation', exactRelaxedSimd, 'assembly/a.ts', 'i32x4.relaxed_trunc_f32x4_s(a)'],
    ['urls', noMachinePaths, 'docs/a.md', 'https://example.org/home/x'],
    ['relative paths', noMachinePaths, 'docs/a.md', 'see ../work/x and ./tmp/y'],
    ['sessions of a protocol', noProvenance, 'runtime/a.ts', '// each session has 2 keys'],
  ])('%s', (_, rule, path, text) => {
    expect(judge(rule, path, text)).toEqual([]);
  });
});
