import { signal } from '@preact/signals';
import type { DeviceState } from '../../../cluster/device-state.ts';
import { ApiError, call } from '../../shared/api.ts';
import { refreshList } from './conversation-list.ts';
import { problem } from '../../shared/notices.ts';

export interface ServedModel {
  readonly id: string;
  readonly contextLength: number;
}

/** What the coordinator serves; undefined until it is known and loaded. */
export const model = signal<ServedModel | undefined>(undefined);
export const devices = signal<readonly DeviceState[]>([]);

const refreshMs = 5000;

/** Keeps model, devices and the list of conversations up to date while somebody looks at the page. */
export function watchServer(): void {
  const refresh = (): void => {
    if (document.visibilityState !== 'visible') return;
    refreshServer().catch(() => {});
    refreshList().catch(explain);
  };
  setInterval(refresh, refreshMs);
  document.addEventListener('visibilitychange', refresh);
  refresh();
}

/** @throws ApiError */
export async function refreshServer(): Promise<void> {
  const [models, cluster] = await Promise.all([
    call<{ data: { id: string; meta: { n_ctx: number } }[] }>('GET', '/v1/models'),
    call<{ devices: DeviceState[] }>('GET', '/v1/cluster/devices'),
  ]);
  const first = models.data[0];
  if (first?.id !== model.peek()?.id)
    model.value = first && { id: first.id, contextLength: first.meta.n_ctx };
  devices.value = cluster.devices;
}

/** Why there are no conversations to show, such as another coordinator that has them; a key is asked for elsewhere. */
function explain(error: unknown): void {
  if (error instanceof ApiError && error.code !== 'REQUEST_UNAUTHORIZED') problem.value = error.message;
}
