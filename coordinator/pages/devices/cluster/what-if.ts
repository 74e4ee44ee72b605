import type { Goal } from '../../../../runtime/plan/goal.ts';
import type { PlanReport } from '../../../planning/plan-report.ts';
import { call } from '../../shared/api.ts';

/** Typical devices, as people call them. */
export const kindNames: Readonly<Record<string, string>> = {
  phone: 'phone',
  tablet: 'tablet',
  laptop: 'laptop',
  'old-laptop': 'old laptop',
  desktop: 'desktop',
  'raspberry-pi': 'Raspberry Pi',
};

export const goalNames: Readonly<Record<Goal, string>> = {
  latency: 'the fastest answer',
  throughput: 'the most answers at once',
  memory: 'the most memory left',
  private: 'the output head on the coordinator',
};

export interface Outlook {
  readonly tokensPerSecond: number;
  readonly ttftMs: number;
  readonly summary: string;
  readonly standBy: readonly string[];
}

/**
 * What the planner would choose. Nothing is changed by it.
 * @throws ApiError, also where there is no plan, with the reason
 */
export async function outlook(goal: Goal, added: readonly string[]): Promise<Outlook> {
  const query = new URLSearchParams([['goal', goal], ...added.map((kind) => ['add', kind])]);
  const { plan } = await call<{ plan: PlanReport }>('GET', `/v1/cluster/plan?${query}`);
  const { prediction, explanation } = plan;
  return {
    tokensPerSecond: 1000 / prediction.tpotMs,
    ttftMs: prediction.ttftMs,
    summary: explanation.summary,
    standBy: explanation.standBy,
  };
}
