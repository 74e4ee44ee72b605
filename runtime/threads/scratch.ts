import type { Team } from './team.ts';

/** Gives out memory: an arena, or a thread's part of one. */
export interface Allocator {
  /** @returns the address of so many bytes */
  alloc(bytes: number): number;
}

/**
 * Memory of which each thread has a piece of its own. All threads lay out one memory by the same calls, so each
 * finds its own piece without being told.
 */
export function perThread(memory: Allocator, team: Team): Allocator {
  return {
    alloc(bytes) {
      const aligned = Math.ceil(bytes / 64) * 64;
      return memory.alloc(aligned * team.size) + aligned * team.index;
    },
  };
}
