import { operationsByNumber } from '../../runtime/profile/operations.ts';
import type { Spans } from '../../runtime/profile/recorder.ts';
import type { PartProfile } from './profile.ts';
import { type DeviceRecord, type StepRecord, spansMs } from './step-record.ts';

/** Process of the coordinator; a device's is one more than its rank. */
const coordinatorPid = 0;
/** Rows of the coordinator. */
const stepsTid = 0;
const workTid = 1;

/**
 * The last steps of each part in Chrome's Trace Event Format, for chrome://tracing and Perfetto: a process for each
 * device, a row for each of its threads, and complete events (`X`) that do not overlap within a row.
 * (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU)
 */
export function chromeTrace(parts: readonly PartProfile[]): string {
  const steps = parts.flatMap(({ lastSteps }) => lastSteps);
  const events = [...rowNames(steps), ...steps.flatMap(stepEvents)];
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.join(',\n')}\n]}\n`;
}

function stepEvents({ stepId, part, tokens, startMs, endMs, coordinator, devices }: StepRecord): string[] {
  const begunMs = startMs + (coordinator.durationsUs[0] ?? 0) / 1000;
  const [ts, dur] = microseconds(begunMs, endMs);
  const args = { step: stepId, tokens };
  const whole = { name: part, ph: 'X', pid: coordinatorPid, tid: stepsTid, ts, dur, args };
  return [
    JSON.stringify(whole),
    ...spanEvents(coordinator, startMs, coordinatorPid, workTid),
    ...devices.flatMap((device, rank) => {
      const deviceStartMs = startOnCoordinator(device);
      return device.threads.flatMap((spans, tid) => spanEvents(spans, deviceStartMs, rank + 1, tid));
    }),
  ];
}

/** Clocks of devices differ: the way there is taken to be as long as the way back, as NTP does. */
function startOnCoordinator({ sentMs, answeredMs, threads }: DeviceRecord): number {
  return sentMs + Math.max(0, answeredMs - sentMs - spansMs(threads[0]!)) / 2;
}

function spanEvents({ operations, durationsUs }: Spans, startMs: number, pid: number, tid: number): string[] {
  const events: string[] = [];
  let fromMs = startMs;
  operations.forEach((number, i) => {
    const toMs = fromMs + durationsUs[i]! / 1000;
    const [ts, dur] = microseconds(fromMs, toMs);
    fromMs = toMs;
    if (dur === 0) return;
    events.push(JSON.stringify({ name: operationsByNumber[number]!.label, ph: 'X', pid, tid, ts, dur }));
  });
  return events;
}

/** Whole nanoseconds, begun and ended apart, so that neighbours meet. */
function microseconds(fromMs: number, toMs: number): readonly [ts: number, dur: number] {
  const from = Math.round(fromMs * 1e6);
  return [from / 1000, (Math.round(toMs * 1e6) - from) / 1000];
}

function rowNames(steps: readonly StepRecord[]): string[] {
  const events = new Set<string>();
  const name = (kind: 'process_name' | 'thread_name', pid: number, tid: number, text: string): void => {
    events.add(JSON.stringify({ name: kind, ph: 'M', pid, tid, args: { name: text } }));
  };
  name('process_name', coordinatorPid, stepsTid, 'coordinator');
  name('thread_name', coordinatorPid, stepsTid, 'steps');
  name('thread_name', coordinatorPid, workTid, 'coordinator');
  for (const { devices } of steps)
    for (const [rank, device] of devices.entries()) {
      name('process_name', rank + 1, 0, `rank ${rank}: ${device.name}`);
      for (const tid of device.threads.keys()) name('thread_name', rank + 1, tid, `thread ${tid}`);
    }
  return [...events];
}
