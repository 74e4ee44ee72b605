import { formatTable } from '../cli/output.ts';
import type { FiringProfile } from './firing-profile.ts';

/** What a layer's neurons do, all but `layer` as a share of one. */
export interface LayerFiring {
  readonly layer: number;
  /** Of neurons and tokens, how many did not fire. */
  readonly sparsity: number;
  /** The fewest neurons that have 80 % of all firings. */
  readonly hot: number;
  /** Neurons that fired for no token. */
  readonly silent: number;
}

export interface FiringReport {
  readonly model: string;
  readonly tokens: number;
  readonly sparsity: number;
  readonly hot: number;
  readonly layers: readonly LayerFiring[];
}

const hotShare = 0.8;

export function firingReport({ model, tokens, counts }: FiringProfile): FiringReport {
  const layers = counts.map((row, layer): LayerFiring => {
    const total = sum(row);
    return {
      layer,
      sparsity: 1 - total / (row.length * tokens),
      hot: hotNeurons(row) / row.length,
      silent: row.filter((count) => count === 0).length / row.length,
    };
  });
  const mean = (value: (layer: LayerFiring) => number) => sum(layers.map(value)) / layers.length;
  return { model, tokens, sparsity: mean((it) => it.sparsity), hot: mean((it) => it.hot), layers };
}

/** The share of all firings that the hottest part of the neurons has, at `points` + 1 parts from 0 to 1. */
export function firingCurve(row: readonly number[], points: number): number[] {
  const hottest = row.toSorted((a, b) => b - a);
  const total = Math.max(1, sum(row));
  let [at, before] = [0, 0];
  return Array.from({ length: points + 1 }, (_, i) => {
    for (const end = Math.round((i * row.length) / points); at < end; at += 1) before += hottest[at]!;
    return before / total;
  });
}

function hotNeurons(row: readonly number[]): number {
  const wanted = hotShare * sum(row);
  const hottest = row.toSorted((a, b) => b - a);
  let neurons = 0;
  for (let covered = 0; covered < wanted; neurons += 1) covered += hottest[neurons]!;
  return neurons;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What `hearth profile` prints for people. */
export function formatFiring({ model, tokens, sparsity, hot, layers }: FiringReport): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = layers.map((it) => [
    String(it.layer),
    percent(it.sparsity),
    percent(it.hot),
    percent(it.silent),
  ]);
  const table = formatTable([
    ['LAYER', 'SPARSITY', 'HAVE 80 % OF FIRINGS', 'NEVER FIRED'],
    ...rows,
    ['all', percent(sparsity), percent(hot), ''],
  ]);
  return `${model}, ${tokens} tokens\n${table}`;
}
