import { HearthError } from '../../runtime/error.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { type Goal, goals } from '../../runtime/plan/goal.ts';
import { devicesOfKinds, typicalKinds } from '../../runtime/plan/typical-devices.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Pauses } from '../cluster/pauses.ts';
import type { Quarantine } from '../cluster/quarantine.ts';
import type { Planning } from '../planning/planning.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { metricsText, requestMetrics } from './metrics.ts';
import type { Routes } from './routes.ts';

/** What there is to tell of, once it has begun. */
export interface ClusterView {
  readonly cluster: Pick<Cluster, 'state' | 'members' | 'deviceStates'>;
  readonly planning: Planning | undefined;
  readonly scheduler: Pick<Scheduler, 'status'>;
  readonly model: Pick<ModelFile, 'name' | 'tiles'> & { readonly config: Pick<ModelConfig, 'layerCount'> };
  readonly pauses: Pauses;
  readonly quarantine: Quarantine;
}

/** More than a home has, and less than takes long to plan for. */
const mostAdded = 16;

/** What `hearth devices`, pages and monitoring ask for. */
export function clusterRoutes(view: () => ClusterView | undefined): Routes {
  return {
    '/v1/cluster/devices': {
      GET: () => {
        const cluster = view()?.cluster;
        return Response.json({ state: cluster?.state ?? 'loading', devices: cluster?.deviceStates() ?? [] });
      },
    },
    '/v1/cluster/plan': {
      GET: async ({ req }) => {
        const goal = req.query('goal');
        const added = req.queries('add');
        return Response.json(goal || added ? await preview(view(), goal, added) : planState(view()));
      },
    },
    '/metrics': {
      GET: () => {
        const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
        const { cluster, scheduler } = view() ?? {};
        const text = metricsText(cluster?.deviceStates() ?? []) + requestMetrics(scheduler?.status);
        return new Response(text, { headers });
      },
    },
  };
}

function planState(view: ClusterView | undefined): object {
  const state = view?.planning?.state(view.cluster.members);
  return { plan: state?.plan ?? null, failure: state?.failure, unmeasured: state?.unmeasured ?? [] };
}

async function preview(view: ClusterView | undefined, goal = 'latency', added: readonly string[] = []) {
  if (!isGoal(goal)) throw invalid(`goal must be one of ${goals.join(', ')}`);
  if (added.length > mostAdded) throw invalid(`at most ${mostAdded} devices can be added`);
  if (!added.every((kind) => typicalKinds.includes(kind)))
    throw invalid(`add must be one of ${typicalKinds.join(', ')}`);
  if (!view?.planning)
    throw new HearthError('SERVER_LOADING', 'the cluster is being started; try again soon');
  return { plan: await view.planning.preview(view.cluster.members, goal, devicesOfKinds(added)) };
}

function isGoal(name: string): name is Goal {
  return goals.some((goal) => goal === name);
}

function invalid(message: string): HearthError {
  return new HearthError('REQUEST_INVALID', message);
}
