import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorStatus } from '../../coordinator/http/error-answer.ts';
import type { ErrorCode } from '../../runtime/error.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

const source = read('runtime/error.ts');
const union = source.slice(source.indexOf('export type ErrorCode'), source.indexOf(';'));
const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code as ErrorCode);

const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+|–) \| (.+) \| (.+) \|$/gm)];
const documented = new Map(
  rows.map(([, code, status, meaning, remedy]) => [code, { status, meaning, remedy }]),
);

describe('docs/errors.md', () => {
  it('finds codes and rows at all', () => {
    expect(codes.length).toBeGreaterThan(40);
    expect(codes).toContain('INTERNAL');
  });

  it('documents every code once, and no other', () => {
    expect(rows.map(([, code]) => code).toSorted()).toEqual(codes.toSorted());
  });

  it.each(codes)('%s has the status that the API gives', (code) => {
    const { status } = documented.get(code)!;
    if (status !== '–') expect(Number(status)).toBe(errorStatus(code));
  });

  it('leaves no status out that is set on purpose', () => {
    const unset = codes.filter((code) => documented.get(code)!.status === '–' && errorStatus(code) !== 500);
    expect(unset).toEqual([]);
  });
});
