import { HearthError } from '../../runtime/error.ts';
import { tensorFile } from '../../runtime/gguf/tensor-file.ts';
import { type ModelPlace, TileModel } from '../../runtime/model/tile-model.ts';
import { FileSource } from './file-source.ts';

/**
 * The coordinator's model, opened again by one of its threads, which then cuts its tiles by itself.
 * @throws HearthError FILE_READ_FAILED if a file is no longer the one that the coordinator has opened
 */
export async function openModelHere({
  files,
  tensors,
  architecture,
  description,
}: ModelPlace): Promise<TileModel> {
  const sources: FileSource[] = [];
  const opened = tensorFile(sources, tensors);
  try {
    for (const { path, version } of files) {
      const source = await FileSource.open(path);
      sources.push(source);
      if (source.file.version === version) continue;
      const message = `${path} changed while it was being opened: start again`;
      throw new HearthError('FILE_READ_FAILED', message, { path });
    }
    return new TileModel(opened, architecture, description, files);
  } catch (error) {
    await opened.close();
    throw error;
  }
}
