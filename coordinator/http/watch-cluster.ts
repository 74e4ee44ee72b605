import type { ClusterSnapshot } from './cluster-snapshot.ts';

/** What watchers are told each second: the sections of the snapshot that are not as they were, at first all. */
export interface ClusterEvent extends Partial<ClusterSnapshot> {
  /** Of a clock that begins with the coordinator: what happened between two events took the difference. */
  readonly atMs: number;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly periodMs: number;
}

/** Events until `signal` aborts. Nothing is queued for a slow reader: it is told of more at a time. */
export async function* watchCluster(
  snapshot: () => ClusterSnapshot,
  { signal, periodMs }: WatchOptions,
): AsyncGenerator<ClusterEvent> {
  const told = new Map<string, string>();
  while (!signal.aborted) {
    const changed = Object.entries(snapshot()).filter(([name, section]) => {
      const text = JSON.stringify(section);
      const isNew = told.get(name) !== text;
      told.set(name, text);
      return isNew;
    });
    yield { atMs: Math.round(performance.now()), ...Object.fromEntries(changed) };
    await pause(periodMs, signal);
  }
}

/** Ends early when `signal` aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
