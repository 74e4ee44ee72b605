import { threadBytes } from '../../runtime/threads/thread-bytes.ts';
import { availableMemory } from './available-memory.ts';
import { collectGarbage } from './collect-garbage.ts';

/**
 * What this process will still take beside its ranks' memory: code that is compiled, messages, JavaScript's heap, and its
 * program, which the system reads from the disk again and again, in pieces of up to 8 MiB, once it has no room to stay.
 */
const ownBytes = 56 << 20;
/** Messages that have been read, until V8 collects them. */
const messagesKept = 48;

/** What a process has to do beside computing. */
export interface ProcessDuties {
  /** Threads that are still to be started. */
  readonly threads: number;
  /** Of the largest message that every token brings. */
  readonly messageBytes?: number;
}

/**
 * Bytes that the memory of this process's ranks may have, all together.
 * @param wantedBytes of the whole process; by default what it has and what is available
 */
export function memoryBudget(
  wantedBytes: number | undefined,
  { threads, messageBytes = 0 }: ProcessDuties,
): number {
  // What opening a model left behind is not taken for good.
  collectGarbage();
  const hasBytes = process.memoryUsage.rss();
  const limit = wantedBytes ?? hasBytes + availableMemory();
  const growthBytes = ownBytes + threads * threadBytes + messagesKept * messageBytes;
  return Math.max(0, limit - hasBytes - growthBytes);
}
