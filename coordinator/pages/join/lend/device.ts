import { type ReadonlySignal, signal } from '@preact/signals';
import type { DriverReport, WorkReport } from '../../../../device-agent/browser/driver-messages.ts';
import { startWorker } from '../../../../device-agent/browser/start-worker.ts';
import type { JoinStatus } from '../../../../device-agent/keep-joined.ts';
import type { Report } from '../../../../runtime/protocol/messages.ts';
import type { DeviceRates } from '../../../../runtime/protocol/probe-messages.ts';
import { cacheBytes, here, settings } from './settings.ts';
import { forgetSecret, takeSecret } from './secret.ts';

/** What one worker of this page has told of itself. */
export interface Lent {
  readonly status: JoinStatus | { readonly state: 'starting' };
  readonly work: WorkReport | undefined;
  readonly rates: DeviceRates | undefined;
  readonly note: string | undefined;
  /** Why it has ended. */
  readonly failure: Report | undefined;
}

const untold: Lent = {
  status: { state: 'starting' },
  work: undefined,
  rates: undefined,
  note: undefined,
  failure: undefined,
};

const states = signal<readonly Lent[]>([]);

/** One for each rank that this page is; none while it lends nothing. */
export const lent: ReadonlySignal<readonly Lent[]> = states;

let workers: Worker[] = [];

/** Joins, with as many ranks as this page is to be. */
export function lend(): void {
  if (workers.length === 0) startRank(0);
}

/** Leaves. */
export function stopLending(): void {
  for (const worker of workers) endSoon(worker);
  workers = [];
  states.value = [];
}

/** Where threads cannot share a memory each is a rank; the first one pairs this browser for all of them. */
function startRank(index: number): void {
  const { name, threads, memoryBytes } = settings.value;
  const ranks = here.rung === 'isolated' ? 1 : threads;
  const worker = startWorker('driver');
  workers.push(worker);
  states.value = [...states.value, untold];
  const tell = (changes: Partial<Lent>): void => {
    if (workers[index] !== worker) return;
    states.value = states.value.map((state, i) => (i === index ? { ...state, ...changes } : state));
  };
  worker.onmessage = ({ data }: MessageEvent<DriverReport>) => {
    if (data.type === 'work') tell({ work: data.work });
    else if (data.type === 'rates') tell({ rates: data.rates });
    else if (data.type === 'note') tell({ note: data.message });
    else if (data.type === 'ended') tell({ failure: data.report });
    else {
      tell({ status: data.status });
      if (data.status.state !== 'joined') return;
      forgetSecret();
      if (workers.length === index + 1 && index + 1 < ranks) startRank(index + 1);
    }
  };
  worker.onerror = ({ message }) =>
    tell({ failure: { code: 'INTERNAL', message: message || 'the worker died', fields: {} } });
  const driverSettings = {
    url: `${location.origin.replace('http', 'ws')}/ws/agent`,
    secret: takeSecret(),
    name: index === 0 ? name : `${name} (${index + 1})`,
    threads: threads / ranks,
    memoryBytes: Math.floor(memoryBytes / ranks),
    cacheBytes,
  };
  worker.postMessage({ type: 'join', settings: driverSettings });
}

/** It says farewell first. */
function endSoon(worker: Worker): void {
  worker.postMessage({ type: 'leave' });
  setTimeout(() => worker.terminate(), 500);
}
