import type { StepInput } from '../../runtime/generation/step-runner.ts';
import type { ModelSource } from './tile-delivery.ts';

/** Of a step's tokens, all sequences after each other. @returns float32 [tokens, hiddenSize] */
export async function embeddingsOf(
  model: ModelSource,
  sequences: readonly StepInput[],
): Promise<Float32Array> {
  const tokens = sequences.flatMap((sequence) => sequence.tokens);
  const embeddings = new Float32Array(tokens.length * model.description.config.hiddenSize);
  await model.embed(tokens, embeddings);
  return embeddings;
}
