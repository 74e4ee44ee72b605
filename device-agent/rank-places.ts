import type { Place } from '../runtime/decoder/stage.ts';
import type { StageAssignment } from '../runtime/decoder/stage-assignment.ts';
import { Arena } from '../runtime/kernels/arena.ts';
import type { Kernels } from '../runtime/kernels/kernels.ts';
import { RowReads } from '../runtime/weights/row-reads.ts';
import { WindowControl } from '../runtime/weights/window-control.ts';
import type { Window } from '../runtime/weights/window-reader.ts';

/** What those share that wait for tiles of a stage and those that bring them; undefined where all stay. */
export function windowOf({ weightBytes, tileIds }: StageAssignment): SharedArrayBuffer | undefined {
  return weightBytes === undefined
    ? undefined
    : new SharedArrayBuffer(WindowControl.byteLength(tileIds.length));
}

/** The same for records of neurons; undefined where they are not read by themselves. */
export function rowsOf(
  { weightBytes, seekBytes }: StageAssignment,
  threads: number,
): SharedArrayBuffer | undefined {
  const reads = weightBytes !== undefined && seekBytes !== undefined;
  return reads ? new SharedArrayBuffer(RowReads.byteLength(threads)) : undefined;
}

/** What each stage is computed in. */
export function placesIn(
  memories: readonly WebAssembly.Memory[],
  windows: readonly (SharedArrayBuffer | undefined)[],
  rows: readonly (SharedArrayBuffer | undefined)[],
  startKernels: (memory: WebAssembly.Memory) => Kernels,
): Place[] {
  return memories.map((memory, i) => ({
    kernels: startKernels(memory),
    arena: new Arena(memory),
    window: timed(windows[i]),
    rows: timed(rows[i]),
  }));
}

function timed(memory: SharedArrayBuffer | undefined): Window | undefined {
  return memory && { memory, nowMs: () => performance.now() };
}
