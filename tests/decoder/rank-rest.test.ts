import { expect, test } from 'vitest';
import { Rank } from '../../runtime/decoder/rank.ts';
import { singleStage } from '../../runtime/decoder/stage-assignment.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { alone } from '../../runtime/threads/team.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { options } from '../threads/rank-steps.ts';

test('a step writes nothing while a thread may still be in the one before', async () => {
  const model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
  const [assignment] = planByShares(model.tiles, [1]);
  const kernels = loadKernels(kernelBytes);
  const team = {
    ...alone,
    rest() {
      throw new Error('still at work');
    },
  };
  const place = { kernels, arena: new Arena(kernels.memory) };
  const stage = singleStage(model.description, assignment!);
  const rank = new Rank([place], model.description, [stage], options, team);
  for (const tile of model.tiles) rank.loadTile(tile.id, await model.cutTile(tile));
  const before = new Uint8Array(kernels.memory.buffer).slice();
  const header = { stepId: 0, sequences: [{ slot: 0, start: 0, count: 2, logits: 'none' }] } as const;
  const embeddings = new Float32Array(2 * model.config.hiddenSize).fill(1);
  expect(() => rank.step(header, embeddings).next()).toThrow('still at work');
  expect(Buffer.compare(before, new Uint8Array(kernels.memory.buffer))).toBe(0);
});
