import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import { readApproximation } from '../../runtime/model/approximation.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { formatTable } from '../cli/output.ts';
import { readText } from './read-text.ts';

/** What an approximation does to a text, held against the exact model. */
export interface Evaluation {
  /** Undefined for the exact model, and for cuts, which have none. */
  readonly threshold?: number;
  readonly exact: boolean;
  readonly perplexity: number;
  /** Share of tokens after which the likeliest next one is the exact model's. */
  readonly agreement: number;
  /** Share of the gate's rows that are computed, and of up's and down's. */
  readonly gateRows: number;
  readonly neuronRows: number;
}

/**
 * Reads a text exactly, and with each threshold, or once with a SwiGLU model's cuts.
 * @throws HearthError USAGE for a model that cannot be approximated; MEMORY_EXHAUSTED
 */
export async function evaluateApproximation(
  { gguf, config }: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  thresholds: readonly number[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Evaluation[]> {
  const { kind } = readApproximation(gguf, config, { threshold: 0 });
  const tried = kind === 'cut' ? [undefined] : thresholds;
  const total = (1 + tried.length) * tokens.length;
  const exact = await reading(new ModelFile(gguf), kernels, tokens, (done) => onProgress(done, total));
  const evaluations = [evaluationOf(exact, exact, { exact: true })];
  for (const [i, threshold] of tried.entries()) {
    const model = new ModelFile(gguf, { threshold: threshold ?? 0 });
    const read = await reading(model, kernels, tokens, (done) =>
      onProgress((1 + i) * tokens.length + done, total),
    );
    const which = { exact: false, ...(threshold !== undefined && { threshold }) };
    evaluations.push(evaluationOf(read, exact, which));
  }
  return evaluations;
}

interface Reading {
  /** Mean of −log of the probability of what came next. */
  readonly crossEntropy: number;
  readonly likeliest: readonly number[];
  readonly gateRows: number;
  readonly neuronRows: number;
}

async function reading(
  model: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  onProgress: (done: number) => void,
): Promise<Reading> {
  const likeliest: number[] = [];
  let [surprise, rows, gate, neurons] = [0, 0, 0, 0];
  await readText(model, kernels, tokens, {
    ffn: {
      onRows(computed) {
        rows += computed.rows;
        gate += computed.gate;
        neurons += computed.neurons;
      },
    },
    onLogits(logits, next) {
      const best = logits.reduce((at, value, i) => (value > logits[at]! ? i : at), 0);
      likeliest.push(best);
      const sum = logits.reduce((total, value) => total + Math.exp(value - logits[best]!), 0);
      surprise += Math.log(sum) + logits[best]! - logits[next]!;
    },
    onProgress,
  });
  const crossEntropy = surprise / Math.max(1, likeliest.length);
  return { crossEntropy, likeliest, gateRows: gate / rows, neuronRows: neurons / rows };
}

function evaluationOf(
  { crossEntropy, likeliest, gateRows, neuronRows }: Reading,
  exact: Reading,
  which: Pick<Evaluation, 'exact' | 'threshold'>,
): Evaluation {
  const agreeing = likeliest.filter((token, i) => token === exact.likeliest[i]).length;
  return {
    ...which,
    perplexity: Math.exp(crossEntropy),
    agreement: agreeing / Math.max(1, likeliest.length),
    gateRows,
    neuronRows,
  };
}

/** What `hearth profile --evaluate` prints for people. */
export function formatEvaluations(evaluations: readonly Evaluation[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const exact = evaluations.find((it) => it.exact)!;
  const rows = evaluations.map((it) => [
    it.exact ? 'exact' : it.threshold === undefined ? 'cuts' : String(it.threshold),
    percent(it.gateRows),
    percent(it.neuronRows),
    `${(100 * it.agreement).toFixed(2)} %`,
    it.perplexity.toFixed(4),
    `${(100 * (it.perplexity / exact.perplexity - 1)).toFixed(2)} %`,
  ]);
  return formatTable([
    ['THRESHOLD', 'GATE ROWS', 'UP AND DOWN', 'SAME TOKEN', 'PERPLEXITY', 'CHANGE'],
    ...rows,
  ]);
}
