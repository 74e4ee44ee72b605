import type { Context } from 'hono';
import { HearthError } from '../../runtime/error.ts';
import { clientGone } from './client-gone.ts';
import type { ClusterView } from './cluster-routes.ts';
import { clusterSnapshot } from './cluster-snapshot.ts';
import type { ApiContext } from './context.ts';
import type { Routes } from './routes.ts';
import { sseResponse } from './sse.ts';
import { watchCluster } from './watch-cluster.ts';

export interface ClusterStateOptions extends Pick<ApiContext, 'onError'> {
  /** Streams at the same time. */
  readonly maxWatchers?: number;
  readonly periodMs?: number;
}

/** What the devices page shows, once and as it changes. Nobody who only looks changes anything. */
export function clusterStateRoutes(
  view: () => ClusterView | undefined,
  { onError, maxWatchers = 32, periodMs = 1000 }: ClusterStateOptions,
): Routes {
  const snapshot = () => clusterSnapshot(view());
  let watchers = 0;
  const events = ({ req }: Context): Response => {
    if (watchers >= maxWatchers)
      throw new HearthError('SERVER_BUSY', `${maxWatchers} streams of events are open: close one`);
    const gone = clientGone(req.raw);
    let isCounted = true;
    watchers += 1;
    const leave = (): void => {
      if (isCounted) watchers -= 1;
      isCounted = false;
      gone.abort();
    };
    gone.signal.addEventListener('abort', leave, { once: true });
    const watched = ended(watchCluster(snapshot, { signal: gone.signal, periodMs }), leave);
    return sseResponse(watched, { pingIntervalMs: 15_000, onError, onGone: leave });
  };
  return {
    '/v1/cluster/state': { GET: () => Response.json(snapshot()) },
    '/v1/cluster/events': { GET: events },
  };
}

/** What changes what devices do, and so is for the owner alone. */
export function deviceRoutes(view: () => ClusterView | undefined): Routes {
  const pause = (isPaused: boolean) => ({
    POST: ({ req }: Context) => {
      const name = req.param('name') ?? '';
      const { pauses, quarantine } = view() ?? {};
      const isLetBack = !isPaused && quarantine?.lift(name);
      if (pauses?.set(name, isPaused) || isLetBack) return Response.json({ name, paused: isPaused });
      throw new HearthError(
        'REQUEST_INVALID',
        `no device called "${name}" is here: hearth devices lists them`,
      );
    },
  });
  return {
    '/v1/cluster/devices/:name/pause': pause(true),
    '/v1/cluster/devices/:name/resume': pause(false),
  };
}

async function* ended<T>(events: AsyncIterable<T>, onEnd: () => void): AsyncGenerator<T> {
  try {
    yield* events;
  } finally {
    onEnd();
  }
}
