import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import type { ApproximationChoice } from '../../runtime/model/approximation.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { readVocabulary } from '../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { findModel } from './model-folder.ts';

/**
 * Opens a GGUF file, with its other parts where it is split.
 * @param model a path, a name in the model folder, or nothing for the built-in model
 */
export async function openGgufFile(model: string | undefined): Promise<GgufFile> {
  return openGgufAt(await findModel(model));
}

/**
 * @param choice of an approximation; without one answers are exact
 * @throws HearthError also where the file holds a vocabulary alone or an architecture that is not known
 */
export async function openModel(model: string | undefined, choice?: ApproximationChoice): Promise<ModelFile> {
  const gguf = await openGgufFile(model);
  try {
    return new ModelFile(gguf, choice);
  } catch (error) {
    await gguf.close();
    throw error;
  }
}

/** @throws HearthError TOKENIZER_UNSUPPORTED, TOKENIZER_BAD_VOCABULARY, MODEL_BAD_METADATA */
export function readTokenizer(gguf: GgufFile): Tokenizer {
  return new Tokenizer(readVocabulary(gguf.metadata));
}
