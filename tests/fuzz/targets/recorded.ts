import type { StepInput } from '../../../runtime/generation/step-runner.ts';
import { settle } from '../../cluster/fake-clock.ts';
import { joinDevice, testCluster } from '../../cluster/test-cluster.ts';

/** A step of a prompt that fills a page, and one that goes on. */
export const steps: readonly (readonly StepInput[])[] = [
  ...[0, 1, 2, 3].map((i) => [
    {
      slot: 0,
      start: 16 * i,
      count: 16,
      logits: 'none',
      tokens: Array.from({ length: 16 }, (_, t) => t),
    } as const,
  ]),
  [
    { slot: 0, start: 64, count: 1, logits: 'last', tokens: [6] },
    { slot: 2, start: 0, count: 3, logits: 'all', tokens: [7, 8, 9] },
  ],
];

/** What a coordinator and one of two devices say to each other, from the join to the end of some steps. */
export async function recorded(): Promise<{ toDevice: Uint8Array[]; toHub: Uint8Array[] }> {
  const cluster = testCluster({ minDevices: 2 });
  const { hubLink, link } = await joinDevice(cluster, 'one');
  await joinDevice(cluster, 'other');
  await cluster.whenReady();
  for (const step of steps) await cluster.step(step);
  cluster.release(2);
  await settle();
  cluster.close();
  return { toDevice: [...hubLink.sent], toHub: [...link.sent] };
}
