import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { endlessModel } from '../support/endless-model.ts';
import { House } from '../support/house.ts';
import { Random } from '../support/random.ts';
import { type FaultKind, FaultRun, type FaultTimes } from './fault-run.ts';

type SoakOptions = Record<
  'faults' | 'kinds' | 'agents' | 'streams' | 'prompt' | 'generate' | 'seed' | 'minutes' | 'serve',
  string
> & { readonly model?: string };

/** Ids that are in every vocabulary, and no special ones. */
const firstToken = 300;

/** @returns whether nothing was lost and nothing was another than undisturbed */
export async function soak(options: SoakOptions): Promise<boolean> {
  const random = new Random(Number(options.seed));
  const house = await House.build();
  rmSync(house.modelPath);
  if (options.model) symlinkSync(resolve(options.model), house.modelPath);
  else writeFileSync(house.modelPath, await endlessModel());
  const tokenRange = options.model ? 20_000 : 2000;
  const questions = Array.from({ length: Number(options.streams) + 1 }, (_, seed) => ({
    prompt: Array.from({ length: Number(options.prompt) }, () => firstToken + random.integer(tokenRange)),
    seed,
    max_tokens: Number(options.generate),
  }));
  const context = Number(options.prompt) + Number(options.generate);
  const run = await FaultRun.start(house, {
    agents: Number(options.agents),
    questions,
    streams: Number(options.streams),
    random,
    serveArgs: [...options.serve.split(' '), '--context', `${Math.max(256, context)}`],
  });
  const all: FaultTimes[] = [];
  const kinds = options.kinds.split(',') as FaultKind[];
  const endMs = Date.now() + 60_000 * Number(options.minutes);
  try {
    await run.learn();
    for (let left = Number(options.faults); left > 0 && Date.now() < endMs; ) {
      const count = Math.min(left, 10);
      left -= count;
      const drawn = Array.from({ length: count }, () => kinds[random.integer(kinds.length)]!);
      await run.faults(drawn, (times) => {
        all.push(times);
        const { kind, detectionMs, fetchingMs, replayMs, kept } = times;
        console.log(
          `${all.length} ${kind}: ${detectionMs} + ${fetchingMs} + ${replayMs} ms, ${kept} positions kept`,
        );
      });
    }
  } finally {
    console.log(reportOf(all));
    console.log(`${run.answers} answers, ${run.wrong} of them other than undisturbed`);
    await run.close();
    await house.close();
  }
  return run.wrong === 0;
}

/** Median and 95th percentile of what clients waited, and of its parts. */
export function reportOf(all: readonly FaultTimes[]): string {
  const line = (name: string, of: (times: FaultTimes) => number): string => {
    const sorted = all.map(of).sort((a, b) => a - b);
    const at = (part: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
    return `${name.padEnd(10)} median ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${sorted.at(-1) ?? 0} ms`;
  };
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  return [
    `${all.length} faults`,
    line('recovery', ({ detectionMs, fetchingMs, replayMs }) => detectionMs + fetchingMs + replayMs),
    line('detection', ({ detectionMs }) => detectionMs),
    line('fetching', ({ fetchingMs }) => fetchingMs),
    line('replay', ({ replayMs }) => replayMs),
    ...kinds.map((kind) => {
      const own = all.filter((times) => times.kind === kind);
      const most = Math.max(...own.map(({ detectionMs }) => detectionMs));
      return `${kind.padEnd(10)} ${own.length} times, noticed in ${most} ms at most`;
    }),
  ].join('\n');
}
