import type { Hono } from 'hono';
import type { Cluster } from '../cluster/cluster.ts';
import { metricsText } from './metrics.ts';

/** What `hearth devices` and monitoring ask for. */
export function addClusterRoutes(app: Hono, cluster: () => Cluster | undefined): void {
  app.get('/v1/cluster/devices', () =>
    Response.json({ state: cluster()?.state ?? 'loading', devices: cluster()?.deviceStates() ?? [] }),
  );
  app.get('/metrics', () => {
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
    return new Response(metricsText(cluster()?.deviceStates() ?? []), { headers });
  });
}
