import { type Recorder, SpanLog, silentRecorder, spanMemoryBytes } from '../runtime/profile/recorder.ts';
import { StepProfile } from '../runtime/profile/step-profile.ts';
import type { Team } from '../runtime/threads/team.ts';
import { threadClock } from './clock.ts';

/** Where the threads of a rank that is profiled note their spans: it can be posted to them as it is. */
export interface ProfileMemory {
  /** One for each thread. */
  readonly logs: readonly ArrayBufferLike[];
  /** Of the clock on which all times are told. */
  readonly originMs: number;
}

/** Not shared for one thread alone, where a browser may not allow it. */
export function profileMemory(threads: number): ProfileMemory {
  const Memory = threads > 1 ? SharedArrayBuffer : ArrayBuffer;
  const logs = Array.from({ length: threads }, () => new Memory(spanMemoryBytes()));
  return { logs, originMs: performance.timeOrigin };
}

/** @param memory undefined if nobody profiles */
export function threadRecorder(memory: ProfileMemory | undefined, thread: number): Recorder {
  return memory ? new SpanLog(memory.logs[thread]!, threadClock(memory.originMs)) : silentRecorder;
}

/** What the leader has of it. @param loaders tell how many milliseconds each has spent reading */
export function stepProfile(
  memory: ProfileMemory | undefined,
  team: Team,
  loaders: readonly (() => number)[],
): StepProfile | undefined {
  if (!memory) return undefined;
  const nowMs = threadClock(memory.originMs);
  const logs = memory.logs.map((log) => new SpanLog(log, nowMs));
  return new StepProfile(logs, () => team.rest(), nowMs, loaders);
}
