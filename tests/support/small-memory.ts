import { rankOptions } from '../../coordinator/rank-options.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import type { House } from './house.ts';

/**
 * A model whose weights, 75 MB, are large beside all else that an agent takes, and beside the 8 MB by which processes
 * that do the same differ.
 */
export const heavyShape = { type: 'F16', layerCount: 18 } as const;
/** A conversation that hardly takes memory. */
export const shortContext = ['--context', '128', '--parallel', '1'] as const;

/** Too little for a long conversation, and enough to start. */
const probeBytes = 400e6;

/**
 * `--memory` for an agent that has room for a share of the weights, in a short context. What its process takes by itself
 * differs from machine to machine: one that declines says how much it has left.
 */
export async function memoryFor(house: House, share: number): Promise<string> {
  const coordinator = await house.serve(
    '--context',
    '8192',
    '--parallel',
    '2',
    '--kv',
    'f32',
    '--split',
    '1',
  );
  const agent = house.join('probe', '--memory', `${probeBytes}`);
  const { reason } = await house.device('probe', 'declined');
  await house.kill(coordinator);
  await house.kill(agent);
  const left = /this device may use (\d+)/.exec(reason ?? '')?.[1];
  if (!left) throw new Error(`no numbers in: ${reason}`);
  const { description, tiles } = house.model;
  const options = rankOptions({ model: description, kvFormat: 'f16', parallel: 1, contextLength: 128 });
  const [assignment] = planByShares(tiles, [1]);
  const bytes = rankBytes(description, assignment!, options, 1, maximumMemoryBytes);
  return `${Math.floor(probeBytes - Number(left) + bytes.rest + share * bytes.tiles)}`;
}
