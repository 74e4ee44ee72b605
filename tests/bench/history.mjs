import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const file = fileURLToPath(new URL('history.jsonl', import.meta.url));

/** Adds a line of measurements, with what they depend on: when, which commit, which machine. */
export function addToHistory(benchmark, measurements) {
  const entry = {
    benchmark,
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    changed: hasChanges(),
    machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
    ...measurements,
  };
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

/** Ends the program where the code is not that of its commit: what it would measure belongs to none. */
export function refuseChanges() {
  if (!hasChanges()) return;
  console.error('history takes no lines of changed code: commit first');
  process.exit(2);
}

function hasChanges() {
  return git('status', '--porcelain', '--untracked-files=no', '--', ':!tests/bench/history.jsonl') !== '';
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}
