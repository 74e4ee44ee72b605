import { HearthError } from '../error.ts';
import type { Goal } from './goal.ts';
import type { Problem } from './problem.ts';
import { weightBytes } from './workload.ts';

/** What to say where no layout fits. */
export function cannotFit({ work, devices, memories }: Problem, goal: Goal): HearthError {
  const { sublayers, kvBytesPerTile, description } = work;
  const kvBytes = sublayers[0]!.tiles * description.config.layerCount * kvBytesPerTile;
  const neededBytes = weightBytes(work) + kvBytes;
  const ownBytes = devices.map(({ threads }) => memories.emptyBytes(threads));
  const roomBytes = devices.reduce(
    (sum, { memoryBytes }, i) => sum + Math.max(0, memoryBytes - ownBytes[i]!),
    0,
  );
  const canStream = devices.some(({ diskBytesPerSecond }) => diskBytesPerSecond > 0);
  return new HearthError(
    'MEMORY_EXHAUSTED',
    `the model takes ${weightBytes(work)} bytes of weights and ${kvBytes} of KV pages, and ${devices.length} ` +
      `device${devices.length === 1 ? ' has' : 's have'} room for ${roomBytes} beside what computing takes${
        goal === 'private' ? ', with the output head on the coordinator' : ''
      }. Add a device${canStream ? '' : ' or a disk to stream from'}, give more memory, take a shorter context, or ` +
      'a smaller model or type.',
    { neededBytes, roomBytes, devices: devices.length },
  );
}
