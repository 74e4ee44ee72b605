import { GpuDesk } from './gpu-desk.ts';
import type { Operations } from './operations.ts';

declare global {
  interface Window {
    runOnGpu(name: keyof Operations, job: unknown, packedDots: boolean): Promise<unknown>;
  }
}

const desk = new GpuDesk(navigator.gpu);
window.runOnGpu = (name, job, packedDots) => desk.run(name, job, packedDots);
