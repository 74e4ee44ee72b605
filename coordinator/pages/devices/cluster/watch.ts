import { computed, effect, signal } from '@preact/signals';
import type { ClusterSnapshot } from '../../../http/cluster-snapshot.ts';
import type { ClusterEvent } from '../../../http/watch-cluster.ts';
import { keyWanted } from '../../shared/api.ts';
import { readEvents } from '../../shared/event-stream.ts';
import { retryDelayMs, wakened } from '../../shared/retry.ts';
import { recentWork, type Sample, withSample } from './history.ts';
import { type KeyedDevice, keyedDevices } from './keyed-devices.ts';
import { type Slowest, slowest } from './slowest.ts';
import { type StepWork, stepWork } from './step-work.ts';

/** As it was told last; undefined until then. */
export const cluster = signal<ClusterSnapshot | undefined>(undefined);
/** Of the last minutes, oldest first. */
export const samples = signal<readonly Sample[]>([]);
/** Whether what is shown is of now. */
export const isLive = signal(false);

export const devices = computed<readonly KeyedDevice[]>(() => keyedDevices(cluster.value?.devices ?? []));

/** What a step takes of each device, by its key: of the last seconds, or of all its time while nothing is computed. */
export const work = computed<ReadonlyMap<string, StepWork>>(() => {
  const all = devices.value.flatMap((device) => {
    const its = recentWork(samples.value, device.key) ?? stepWork(device);
    return its ? [[device.key, its] as const] : [];
  });
  return new Map(all);
});

/** Whether steps were computed in the last seconds. */
export const isWorking = computed(
  () => isLive.value && devices.value.some(({ key }) => recentWork(samples.value, key) !== undefined),
);

export const slowestDevice = computed<Slowest | undefined>(() => slowest(devices.value, work.value));

/** Follows the coordinator for as long as somebody looks at the page. */
export function watchCluster(): void {
  let watching = new AbortController();
  const look = (): void => {
    watching.abort();
    watching = new AbortController();
    if (document.visibilityState === 'visible') void follow(watching.signal);
  };
  document.addEventListener('visibilitychange', look);
  // A key that was entered opens what was refused.
  let wasWanted = false;
  effect(() => {
    if (wasWanted && !keyWanted.value) look();
    wasWanted = keyWanted.value;
  });
  look();
}

async function follow(stop: AbortSignal): Promise<void> {
  for (let failures = 0; !stop.aborted; failures += 1) {
    try {
      for await (const event of readEvents<ClusterEvent>('/v1/cluster/events', stop)) {
        failures = 0;
        apply(event);
      }
    } catch {
      // It is tried again, and until then shown that nothing is of now.
    }
    if (stop.aborted) return;
    isLive.value = false;
    if (keyWanted.peek()) return;
    await wakened(retryDelayMs(failures), stop);
  }
}

function apply({ atMs, ...changed }: ClusterEvent): void {
  const now = { ...cluster.peek(), ...changed } as ClusterSnapshot;
  cluster.value = now;
  isLive.value = true;
  const answerTokens = now.queue?.answerTokens ?? 0;
  samples.value = withSample(samples.peek(), { atMs, answerTokens, devices: devices.peek() });
}
