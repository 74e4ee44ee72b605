import type { ClusterState } from '../cluster/cluster-options.ts';
import type { DeviceState } from '../cluster/device-state.ts';
import type { Fault } from '../cluster/quarantine.ts';
import type { PlanReport } from '../planning/plan-report.ts';
import type { SchedulerStatus } from '../scheduler/scheduler.ts';
import type { ClusterView } from './cluster-routes.ts';

/** All that the devices page shows. */
export interface ClusterSnapshot {
  readonly state: ClusterState;
  readonly model: { readonly name: string; readonly bytes: number; readonly layers: number } | null;
  /** Null until the coordinator has started. */
  readonly queue: Pick<SchedulerStatus, 'running' | 'waiting' | 'slots' | 'answerTokens'> | null;
  readonly devices: readonly DeviceState[];
  /** Null where shares were given by hand, and before anything was planned. */
  readonly plan: PlanInWords | null;
  /** Why there is no plan for those who are here. */
  readonly planFailure: string | null;
  /** Names of devices that have not been measured yet. */
  readonly unmeasured: readonly string[];
  /** What devices have computed wrongly, oldest first. */
  readonly faults: readonly Fault[];
}

export type PlanInWords = Pick<PlanReport, 'goal' | 'kind'> & {
  readonly summary: string;
  /** Why a device has no part: one sentence each. */
  readonly standBy: readonly string[];
  /** Predicted, of one answer to a prompt of `promptTokens`. */
  readonly ttftMs: number;
  readonly tokensPerSecond: number;
  readonly promptTokens: number;
};

const notStarted: ClusterSnapshot = {
  state: 'loading',
  model: null,
  queue: null,
  devices: [],
  plan: null,
  planFailure: null,
  unmeasured: [],
  faults: [],
};

export function clusterSnapshot(view: ClusterView | undefined): ClusterSnapshot {
  if (!view) return notStarted;
  const { cluster, planning, scheduler, model, quarantine } = view;
  const planned = planning?.state(cluster.members);
  const { running, waiting, slots, answerTokens } = scheduler.status;
  return {
    state: cluster.state,
    model: {
      name: model.name,
      bytes: model.tiles.reduce((sum, { byteLength }) => sum + byteLength, 0),
      layers: model.config.layerCount,
    },
    queue: { running, waiting, slots, answerTokens },
    devices: cluster.deviceStates(),
    plan: planned?.plan ? inWords(planned.plan) : null,
    planFailure: planned?.failure ?? null,
    unmeasured: planned?.unmeasured ?? [],
    faults: quarantine.faults,
  };
}

function inWords({ goal, kind, explanation, prediction, usage }: PlanReport): PlanInWords {
  const { summary, standBy } = explanation;
  const { ttftMs, tpotMs } = prediction;
  const tokensPerSecond = 1000 / tpotMs;
  return { goal, kind, summary, standBy, ttftMs, tokensPerSecond, promptTokens: usage.promptTokens };
}
