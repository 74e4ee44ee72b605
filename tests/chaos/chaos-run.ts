import { scenario, undisturbed } from './scenario.ts';

interface ChaosRunOptions {
  readonly seed: string;
  readonly seeds: string;
  readonly minutes: string;
  readonly trace: boolean;
}

/** @returns whether all was well with all seeds */
export async function chaosRun(options: ChaosRunOptions): Promise<boolean> {
  const first = Number(options.seed);
  const end = first + Number(options.seeds);
  const startMs = performance.now();
  const endMs = startMs + 60_000 * Number(options.minutes);
  const rejections: unknown[] = [];
  process.on('unhandledRejection', (error) => rejections.push(error));
  const expected = await undisturbed();
  let [failed, answers, events, faults, seed] = [0, 0, 0, 0, first];
  for (; seed < end && performance.now() < endMs; seed += 1) {
    const report = await scenario(seed, expected);
    await new Promise((resolve) => setImmediate(resolve));
    const failures = [
      ...report.failures,
      ...rejections.splice(0).map((error) => `unhandled: ${(error as Error).stack ?? error}`),
    ];
    answers += report.answers;
    events += report.events;
    faults += report.faults.length;
    if (options.trace && (failures.length > 0 || end - first === 1)) console.log(report.trace.join('\n'));
    if (failures.length === 0) continue;
    failed += 1;
    console.log(`seed ${seed} (${report.faults.join(', ')}):\n  ${failures.join('\n  ').slice(0, 3_000)}`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `${seed - first} houses in ${seconds.toFixed(0)} s: ${faults} faults, ${answers} answers, ${events} events; ${failed} failed`,
  );
  return failed === 0;
}
