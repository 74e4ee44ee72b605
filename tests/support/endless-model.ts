import { editedModel } from './edited-model.ts';

/** Slow enough to be met in the middle of an answer. */
const shape = {
  type: 'Q4_0',
  layerCount: 6,
  headCount: 10,
  kvHeadCount: 5,
  intermediateSize: 1280,
  vocabSize: 2600,
  contextLength: 8192,
} as const;

/** Control tokens are the last ones of a vocabulary. */
const controlTokens = 3;

/** Random weights whose answers never end by themselves: what would end one has no weight in the output head. */
export function endlessModel(): Promise<Uint8Array> {
  return editedModel(({ tensors }) => {
    const head = tensors.find(({ name }) => name === 'output.weight')!;
    const rowBytes = head.data.length / shape.vocabSize;
    head.data.fill(0, (shape.vocabSize - controlTokens) * rowBytes);
  }, shape);
}
