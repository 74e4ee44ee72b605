import { formatTable } from '../cli/output.ts';
import type { Comparison, LayoutRun } from './compare-layouts.ts';

/** What `hearth bench --cluster` prints for people. */
export function formatComparison({ plan, runs }: Comparison): string {
  const { summary, standBy } = plan.explanation;
  const rows = [
    ['LAYOUT', 'DEVICES', 'TOKENS/S', 'PREDICTED', 'OFF BY', 'FIRST TOKEN', 'PREDICTED', 'OFF BY'],
    ...runs.map(row),
  ];
  return [`planned: ${summary}\n`, ...standBy.map((why) => `${why}\n`), '\n', formatTable(rows)].join('');
}

function row({ names, devices, measured, predicted }: LayoutRun): string[] {
  const rate = (ms: number) => (1000 / ms).toFixed(1);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  return [
    names.join(', '),
    devices.join(', '),
    rate(measured.tpotMs),
    rate(predicted.tpotMs),
    offBy(predicted.tpotMs, measured.tpotMs),
    seconds(measured.ttftMs),
    seconds(predicted.ttftMs),
    offBy(predicted.ttftMs, measured.ttftMs),
  ];
}

/** Of a time: positive where it was predicted to take longer than it did. */
function offBy(predictedMs: number, measuredMs: number): string {
  const percent = Math.round(100 * (predictedMs / measuredMs - 1));
  return `${percent > 0 ? '+' : ''}${percent} %`;
}
