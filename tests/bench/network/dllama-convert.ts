import { openModel } from '../../../coordinator/files/open-model.ts';
import { writeDllamaModel, writeDllamaTokenizer } from './dllama-model.ts';

/** Writes a GGUF model and its vocabulary as the two files of distributed-llama. */
export async function convert(gguf: string, files: { model: string; tokenizer: string }): Promise<void> {
  const model = await openModel(gguf);
  try {
    await writeDllamaTokenizer(model.gguf, files.tokenizer);
    await writeDllamaModel(model, files.model);
  } finally {
    await model.close();
  }
}
