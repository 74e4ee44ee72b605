import { dirname, join } from 'node:path';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { readVocabulary } from '../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { FileSource } from './file-source.ts';
import { findModel } from './model-folder.ts';

/**
 * Opens a GGUF file, with its other parts where it is split.
 * @param model a path, a name in the model folder, or nothing for the built-in model
 */
export async function openGgufFile(model: string | undefined): Promise<GgufFile> {
  const path = await findModel(model);
  const folder = dirname(path);
  return openGguf(await FileSource.open(path), (name) => FileSource.open(join(folder, name)));
}

/** @throws HearthError also where the file holds a vocabulary alone or an architecture that is not known */
export async function openModel(model: string | undefined): Promise<ModelFile> {
  const gguf = await openGgufFile(model);
  try {
    return new ModelFile(gguf);
  } catch (error) {
    await gguf.close();
    throw error;
  }
}

/** @throws HearthError TOKENIZER_UNSUPPORTED, TOKENIZER_BAD_VOCABULARY, MODEL_BAD_METADATA */
export function readTokenizer(gguf: GgufFile): Tokenizer {
  return new Tokenizer(readVocabulary(gguf.metadata));
}
