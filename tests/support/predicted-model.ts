import { encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import { predictorContents } from '../../coordinator/sparsity/predictor-file.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import type { Predictor } from '../../coordinator/sparsity/training/predictor.ts';
import type { ModelContents } from '../../coordinator/files/write-model.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { writeGguf } from '../../runtime/gguf/writer.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { memorySource } from './memory-source.ts';
import { Random } from './random.ts';
import { type SyntheticModelOptions, syntheticModel } from './synthetic-model.ts';

/** Encodes in this thread. */
export const inlineEncoder = {
  width: 1,
  encode: async (job: Parameters<typeof encodeRows>[0]) => encodeRows(job),
};

/** A whole GGUF file. */
export async function bytesOf({ metadata, tensors }: ModelContents): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeGguf(metadata, tensors)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/**
 * A synthetic model, sparsified, whose layers but the last have random predictors: they name about half of the neurons, for
 * no reason. Of a SwiGLU model, one with a cut.
 */
export async function predictedModel(
  shape: Partial<SyntheticModelOptions>,
  rank = 64,
  type: QuantTypeName = 'Q8_0',
): Promise<Uint8Array> {
  const { gguf, config } = await openModelFile(memorySource(await syntheticModel(shape)));
  const { hiddenSize, intermediateSize, layerCount } = config;
  const counts = Array.from({ length: layerCount }, (_, layer) =>
    Array.from({ length: intermediateSize }, (_, i) => (7 * i + layer) % 512),
  );
  const profile = { model: 'synthetic', tokens: 1000, counts };
  if (config.activation === 'silu') {
    const cuts = counts.map((_, layer) => 0.3 + layer / 10);
    return bytesOf(sparsifyModel(gguf, config, { ...profile, cuts }, inlineEncoder));
  }
  const random = new Random(5);
  const values = (length: number, deviation: number) =>
    random.fillNormal(new Float32Array(length), deviation);
  const predictors = counts.map((_, layer): Predictor | undefined =>
    layer === layerCount - 1
      ? undefined
      : {
          rank,
          input: values(rank * hiddenSize, 1 / Math.sqrt(hiddenSize)),
          output: values(intermediateSize * rank, 1 / Math.sqrt(rank)),
          bias: values(intermediateSize, 0.1),
        },
  );
  const file = await openGguf(
    memorySource(
      await bytesOf(
        predictorContents(
          'any',
          predictors.map((predictor) => ({ predictor, named: predictor ? 0.5 : 1 })),
          type,
        ),
      ),
    ),
  );
  return bytesOf(sparsifyModel(gguf, config, profile, inlineEncoder, { predictors: file }));
}
