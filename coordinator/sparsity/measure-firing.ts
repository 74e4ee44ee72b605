import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { kvPageTokens } from '../../runtime/generation/step-runner.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import type { FiringProfile } from './firing-profile.ts';

/** Tokens that a text is cut into: as long as neurons need to see of what came before. */
const longestPiece = 512;
const longestStep = 128;

/**
 * Reads a text and counts for how many of its tokens each neuron fires. The model is computed by one thread in one
 * memory.
 * @throws HearthError MEMORY_EXHAUSTED if it is too large for that
 */
export async function measureFiring(
  model: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<FiringProfile> {
  const { layerCount, intermediateSize, contextLength } = model.config;
  const counts = Array.from({ length: layerCount }, () => new Array<number>(intermediateSize).fill(0));
  const piece = Math.min(longestPiece, contextLength);
  const options: RankOptions = {
    kvFormat: 'f16',
    maxStepTokens: Math.min(longestStep, piece),
    maxSequences: 1,
    contextLength: piece,
    kvPages: Math.ceil(piece / kvPageTokens),
    ffn: {
      probe(layer, firstNeuron, neurons, gates, stride) {
        const row = counts[layer]!;
        for (let at = 0; at < gates.length; at += stride)
          for (let i = 0; i < neurons; i += 1) if (gates[at + i]! > 0) row[firstNeuron + i]! += 1;
      },
    },
  };
  const runner = await createSoloRunner(model, kernels, options);
  for (let at = 0; at < tokens.length; ) {
    const start = at % piece;
    const count = Math.min(options.maxStepTokens, piece - start, tokens.length - at);
    await runner.step([{ slot: 0, start, count, logits: 'none', tokens: tokens.slice(at, at + count) }]);
    at += count;
    onProgress(at, tokens.length);
  }
  return { model: model.name, tokens: tokens.length, counts };
}
