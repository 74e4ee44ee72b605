import { availableMemory } from './available-memory.ts';

/** What this process will still take beside its ranks' memory: code that is compiled, messages, JavaScript's heap. */
const ownBytes = 32 << 20;
/** And each of its threads. */
const threadBytes = 16 << 20;

/**
 * Bytes that the memory of this process's ranks may have, all together.
 * @param wantedBytes of the whole process; by default what it has and what is available
 * @param threads that are still to be started
 */
export function memoryBudget(wantedBytes: number | undefined, threads: number): number {
  const { rss } = process.memoryUsage;
  const hasBytes = rss();
  const limit = wantedBytes ?? hasBytes + availableMemory();
  return Math.max(0, limit - hasBytes - ownBytes - threads * threadBytes);
}
