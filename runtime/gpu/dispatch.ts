import type { Gpu } from './gpu.ts';

/** A program with its buffers, and how many workgroups it takes for so many tokens. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: (tokens: number) => readonly [x: number, y?: number, z?: number];
}

/** @param buffers the program's bindings 0, 1, … */
export function dispatchOf(
  gpu: Gpu,
  code: string,
  buffers: readonly GPUBuffer[],
  workgroups: Dispatch['workgroups'],
): Dispatch {
  const pipeline = gpu.pipeline(code);
  return { pipeline, group: gpu.bind(pipeline, buffers), workgroups };
}

export function encode(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[], tokens: number): void {
  for (const { pipeline, group, workgroups } of dispatches)
    encodeOne(pass, pipeline, group, ...workgroups(tokens));
}

/** One program, where its buffers or workgroups depend on more than the tokens. */
export function encodeOne(
  pass: GPUComputePassEncoder,
  pipeline: GPUComputePipeline,
  group: GPUBindGroup,
  ...workgroups: readonly [x: number, y?: number, z?: number]
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
}
