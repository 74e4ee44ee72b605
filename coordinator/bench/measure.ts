import type { StepRunner } from '../../runtime/generation/step-runner.ts';
import { defaultSampling } from '../../runtime/sampling/params.ts';

/** As many of the greatest logits are asked for as an answer needs. */
const best = defaultSampling.topK;

export interface BenchPlan {
  /** Tokens of the prompt that is read. */
  readonly promptTokens: number;
  /** Tokens that are then computed one by one. */
  readonly generateTokens: number;
  /** Positions that lie in the KV cache already when generating begins. */
  readonly depth: number;
  readonly repetitions: number;
}

/** Tokens a second over the repetitions of one test. */
export interface Rate {
  /** Of one repetition. */
  readonly tokens: number;
  readonly medianTokensPerSecond: number;
  readonly minTokensPerSecond: number;
  readonly maxTokensPerSecond: number;
  /** Bytes that were read from the disk, over all repetitions; undefined where the system does not tell. */
  readonly diskBytesPerToken: number | undefined;
}

/** What is looked at before and after what is timed. */
export interface Gauges {
  nowMs(): number;
  /** Bytes that this process has had read from the disk. */
  diskBytes(): number | undefined;
}

export interface Rates {
  readonly prefill: Rate;
  readonly decode: Rate;
}

/** Is told when what is timed begins and ends. */
export interface MeasureWatch {
  start(part: keyof Rates): void;
  stop(): Promise<void>;
}

/**
 * Times a runner's steps as an answer uses them: a prompt in the longest steps that it takes, then token by token
 * with the greatest logits of each. Sampling and text are left out. Each test runs once untimed first.
 */
export async function measure(
  runner: StepRunner,
  plan: BenchPlan,
  gauges: Gauges,
  watch?: MeasureWatch,
): Promise<Rates> {
  const { promptTokens, generateTokens, depth, repetitions } = plan;
  const timed = async (part: keyof Rates, tokens: number, test: () => Promise<void>): Promise<Rate> => {
    await test();
    watch?.start(part);
    const beganBytes = gauges.diskBytes();
    const durationsMs = await repeat(repetitions, gauges, test);
    const endBytes = gauges.diskBytes();
    await watch?.stop();
    const known = beganBytes !== undefined && endBytes !== undefined;
    return rate(tokens, durationsMs, known ? endBytes - beganBytes : undefined);
  };
  const prefill = await timed('prefill', promptTokens, () => readPrompt(runner, promptTokens));
  if (depth > 0) await readPrompt(runner, depth);
  const decode = await timed('decode', generateTokens, () => generate(runner, depth, generateTokens));
  runner.release(0);
  return { prefill, decode };
}

/** @returns milliseconds of each repetition */
async function repeat(times: number, gauges: Gauges, test: () => Promise<void>): Promise<number[]> {
  const durationsMs: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const startMs = gauges.nowMs();
    await test();
    durationsMs.push(gauges.nowMs() - startMs);
  }
  return durationsMs;
}

/** From position 0: what the slot held before is forgotten. */
async function readPrompt(runner: StepRunner, length: number): Promise<void> {
  for (let start = 0; start < length; start += runner.limits.maxStepTokens) {
    const count = Math.min(runner.limits.maxStepTokens, length - start);
    const tokens = Array.from({ length: count }, (_, i) => anyToken(start + i, runner.vocabSize));
    const logits = start + count === length ? 'last' : 'none';
    await runner.step([{ slot: 0, start, count, logits, best, tokens }]);
  }
}

async function generate(runner: StepRunner, depth: number, length: number): Promise<void> {
  for (let start = depth; start < depth + length; start += 1) {
    const tokens = [anyToken(start, runner.vocabSize)];
    await runner.step([{ slot: 0, start, count: 1, logits: 'last', best, tokens }]);
  }
}

/** Which tokens they are does not matter for the time; spread over the vocabulary by Knuth's multiplicative hash. */
function anyToken(position: number, vocabSize: number): number {
  return (Math.imul(position + 1, 0x9e3779b1) >>> 0) % vocabSize;
}

function rate(tokens: number, durationsMs: readonly number[], diskBytes: number | undefined): Rate {
  const rates = durationsMs.map((ms) => (1000 * tokens) / ms).sort((a, b) => a - b);
  const middle = rates.length >> 1;
  const median = rates.length % 2 === 1 ? rates[middle]! : (rates[middle - 1]! + rates[middle]!) / 2;
  return {
    tokens,
    medianTokensPerSecond: median,
    minTokensPerSecond: rates[0]!,
    maxTokensPerSecond: rates.at(-1)!,
    diskBytesPerToken: diskBytes === undefined ? undefined : diskBytes / (tokens * durationsMs.length),
  };
}
