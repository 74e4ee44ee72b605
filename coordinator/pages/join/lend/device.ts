import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type {
  DriverCommand,
  DriverReport,
  WorkReport,
} from '../../../../device-agent/browser/driver-messages.ts';
import { startWorker } from '../../../../device-agent/browser/start-worker.ts';
import { noGpu } from '../../../../device-agent/gpu-wishes.ts';
import type { JoinStatus } from '../../../../device-agent/keep-joined.ts';
import type { Capabilities, Report } from '../../../../runtime/protocol/messages.ts';
import type { DeviceRates } from '../../../../runtime/protocol/probe-messages.ts';
import { standByReason } from './presence.ts';
import { forgetSecret, takeSecret } from './secret.ts';
import { cacheBytes, here, settings } from './settings.ts';

/** What one worker of this page has told of itself. */
export interface LentRank {
  readonly status: JoinStatus | { readonly state: 'starting' };
  readonly kernels: Capabilities['kernels'] | undefined;
  /** What its GPU is called, if it has one. */
  readonly gpu: string | undefined;
  readonly work: WorkReport | undefined;
  readonly rates: DeviceRates | undefined;
  /** What went wrong last without ending the work. */
  readonly note: string | undefined;
  /** Why it has ended. */
  readonly failure: Report | undefined;
}

const untold: LentRank = {
  status: { state: 'starting' },
  kernels: undefined,
  gpu: undefined,
  work: undefined,
  rates: undefined,
  note: undefined,
  failure: undefined,
};

const told = signal<readonly LentRank[]>([]);

/** One for each rank that this page is. */
export const lentRanks: ReadonlySignal<readonly LentRank[]> = told;

let workers: Worker[] = [];

/** Joins with as many ranks as this page is to be, in place of those that it has been. */
export function lend(): void {
  for (const worker of workers) endSoon(worker);
  workers = [];
  told.value = [];
  startRank();
}

/** They hear at once what the owner or the system wants now. */
export function keepTelling(): void {
  effect(() => {
    const commands = wishes();
    for (const worker of workers) for (const command of commands) worker.postMessage(command);
  });
}

function wishes(): DriverCommand[] {
  return [
    { type: 'standBy', reason: standByReason.value },
    { type: 'effort', effort: settings.value.effort },
  ];
}

/** Where threads cannot share a memory each is a rank of its own; the first one pairs this browser for all of them. */
function startRank(): void {
  const { name, threads, memoryBytes, gpu } = settings.value;
  const ranks = here.rung === 'isolated' ? 1 : threads;
  const index = workers.length;
  const worker = startWorker('driver');
  workers = [...workers, worker];
  told.value = [...told.value, untold];
  const tell = (changes: Partial<LentRank>): void => {
    if (workers[index] === worker)
      told.value = told.value.map((rank, i) => (i === index ? { ...rank, ...changes } : rank));
  };
  worker.onmessage = ({ data }: MessageEvent<DriverReport>) => {
    if (data.type === 'started') tell({ kernels: data.kernels, gpu: data.gpu });
    else if (data.type === 'work') tell({ work: data.work });
    else if (data.type === 'rates') tell({ rates: data.rates });
    else if (data.type === 'note') tell({ note: data.message });
    else if (data.type === 'ended') tell({ failure: data.report });
    else {
      tell({ status: data.status });
      if (data.status.state !== 'joined' || workers[index] !== worker) return;
      forgetSecret();
      if (workers.length === index + 1 && index + 1 < ranks) startRank();
    }
  };
  worker.onerror = ({ message }) =>
    tell({ failure: { code: 'INTERNAL', message: message || 'its worker died', fields: {} } });
  const driverSettings = {
    url: `${location.origin.replace('http', 'ws')}/ws/agent`,
    secret: takeSecret(),
    name: index === 0 ? name : `${name} (${index + 1})`,
    threads: threads / ranks,
    memoryBytes: Math.floor(memoryBytes / ranks),
    cacheBytes,
    gpu: index === 0 ? { use: gpu } : noGpu,
  };
  const join: DriverCommand = { type: 'join', settings: driverSettings };
  for (const command of [...wishes(), join]) worker.postMessage(command);
}

/** It says farewell first. */
function endSoon(worker: Worker): void {
  worker.postMessage({ type: 'leave' } satisfies DriverCommand);
  setTimeout(() => worker.terminate(), 500);
}
