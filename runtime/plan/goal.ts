import type { LayoutCost } from './cost.ts';

/**
 * What a plan is to be best at. `latency`: one answer. `throughput`: several at once. `memory`: the fullest device has
 * as much room left as can be. `private`: as latency, but the output head stays with the coordinator, where embeddings
 * are anyway, so that no device holds what activations could be turned into words with.
 */
export const goals = ['latency', 'throughput', 'memory', 'private'] as const;
export type Goal = (typeof goals)[number];

/** The less the better; infinite for what does not fit. */
export function scoreOf(goal: Goal, cost: LayoutCost): number {
  if (!cost.fits) return Number.POSITIVE_INFINITY;
  const { answerTokens, sequences } = cost.problem.usage;
  if (goal === 'memory') {
    const fullest = cost.problem.devices.map(({ memoryBytes }, rank) =>
      cost.uses(rank) ? cost.memory[rank]!.neededBytes / memoryBytes : 0,
    );
    // Of equally full ones the fastest.
    return Math.max(...fullest) + 1e-9 * cost.tpotMs(1);
  }
  if (goal === 'throughput') return cost.ttftMs() + (answerTokens * cost.tpotMs(sequences)) / sequences;
  return cost.ttftMs() + answerTokens * cost.tpotMs(1);
}
