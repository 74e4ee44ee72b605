import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Failure, type FuzzReport, fuzz } from './fuzz.ts';
import { maxInputBytes } from './mutate-bytes.ts';
import { outcomeOf } from './outcome.ts';
import { targets } from './targets.ts';

interface FuzzRunOptions {
  readonly target?: string;
  readonly cases: string;
  readonly seed: string;
  readonly minutes: string;
  readonly replay?: readonly string[];
}

/** Where inputs go that did what they should not. */
const folder = 'dist/fuzz';
const patienceMs = 20_000;
const shared = new SharedArrayBuffer(8 + maxInputBytes);

/** @returns whether no input did what it should not */
export async function fuzzRun({ target, cases, seed, minutes, replay }: FuzzRunOptions): Promise<boolean> {
  const names = target?.split(',') ?? Object.keys(targets);
  let failures = 0;
  for (const name of names) {
    const open = targets[name];
    if (!open) throw new Error(`there is no target ${name}, but ${Object.keys(targets).join(', ')}`);
    const opened = await open();
    if (replay) {
      for (const path of replay) console.log(`${path}: ${await outcomeOf(opened, readFileSync(path))}`);
    } else {
      const watchdog = watch(join(folder, `${name}-hang`));
      const onFailure = (failure: Failure): void => keep(name, failure);
      // A promise that nobody waits for fails at the input at hand.
      const onRejection = (error: unknown): void => {
        failures += 1;
        keep(name, {
          kind: 'crash',
          input: inputAtHand(),
          problem: `unhandled: ${(error as Error)?.stack ?? error}`,
        });
      };
      process.on('unhandledRejection', onRejection).on('uncaughtException', onRejection);
      const endMs = performance.now() + 60_000 * Number(minutes);
      try {
        const report = await fuzz(opened, {
          cases: Number(cases),
          seed: Number(seed),
          endMs,
          onCase,
          onFailure,
        });
        failures += report.failures.length;
        console.log(summary(name, seed, report));
      } finally {
        process.off('unhandledRejection', onRejection).off('uncaughtException', onRejection);
        await watchdog.terminate();
      }
    }
    await opened.close?.();
  }
  return failures === 0;
}

const state = new Int32Array(shared, 0, 2);

function onCase(input: Uint8Array): void {
  new Uint8Array(shared, 8).set(input);
  state[1] = input.length;
  state[0]! += 1;
}

function inputAtHand(): Uint8Array {
  return new Uint8Array(shared, 8, state[1]).slice();
}

function watch(path: string): Worker {
  // From the bundle in dist/ as from here.
  const file = new URL('../../tests/fuzz/watchdog.mjs', import.meta.url);
  return new Worker(file, { workerData: { shared, path, patienceMs } });
}

function keep(name: string, { kind, input, problem }: Failure): void {
  const id = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const path = join(folder, `${name}-${kind}-${id}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, input);
  console.log(`${name}: ${kind} by case ${state[0]}, whose input is in ${path}\n${problem}`);
}

function summary(name: string, seed: string, report: FuzzReport): string {
  const { cases, ms, slowestMs, largestBytes, grownBytes, outcomes, failures } = report;
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return (
    `${name} (seed ${seed}): ${cases} cases in ${(ms / 1000).toFixed(1)} s, ${Math.round((1000 * cases) / ms)}/s; ` +
    `slowest ${slowestMs.toFixed(1)} ms, most allocated ${mb(largestBytes)} MB, grown by ${mb(grownBytes)} MB; ` +
    `${outcomes.size} outcomes, ${failures.length} failures`
  );
}
