/**
 * When a device's GPU computes: `auto` where that saves time, by what was measured; `off` never; `always` all that it has
 * room for, also if it is slower, or a program of the processor.
 */
export const gpuUses = ['auto', 'off', 'always'] as const;
export type GpuUse = (typeof gpuUses)[number];

/** What the owner of a device says of its GPU. */
export interface GpuWishes {
  readonly use: GpuUse;
  /** Of weights that may lie on it. By default half of what ranks may take, and no more than they leave of it. */
  readonly memoryBytes?: number | undefined;
}

export const noGpu: GpuWishes = { use: 'off' };
