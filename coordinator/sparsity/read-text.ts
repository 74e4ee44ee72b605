import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import { kvPageTokens } from '../../runtime/generation/step-runner.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';

/** Tokens that a text is cut into: as long as neurons need to see of what came before. */
const longestPiece = 512;
const longestStep = 128;

export interface Reader {
  /** What the model's neurons do. */
  readonly ffn?: FfnOptions;
  /** Is given the logits of each token but the last of a piece, and the token that follows. */
  readonly onLogits?: (logits: Float32Array, next: number) => void;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Reads a text, cut into pieces that know nothing of each other. The model is computed by one thread in one memory.
 * @throws HearthError MEMORY_EXHAUSTED if it is too large for that
 */
export async function readText(
  model: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  { ffn = {}, onLogits, onProgress = () => {} }: Reader,
): Promise<void> {
  const piece = Math.min(longestPiece, model.config.contextLength);
  const options: RankOptions = {
    kvFormat: 'f16',
    maxStepTokens: Math.min(longestStep, piece),
    maxSequences: 1,
    contextLength: piece,
    kvPages: Math.ceil(piece / kvPageTokens),
    ffn,
  };
  const runner = await createSoloRunner(model, kernels, options);
  for (let at = 0; at < tokens.length; ) {
    const start = at % piece;
    const count = Math.min(options.maxStepTokens, piece - start, tokens.length - at);
    const logits = onLogits ? 'all' : 'none';
    const rows = await runner.step([{ slot: 0, start, count, logits, tokens: tokens.slice(at, at + count) }]);
    rows.forEach((row, i) => {
      const next = tokens[at + i + 1];
      if (next !== undefined && start + i + 1 < piece) onLogits?.(row, next);
    });
    at += count;
    onProgress(at, tokens.length);
  }
}
