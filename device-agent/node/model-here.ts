import { HearthError } from '../../runtime/error.ts';
import type { FileVersion } from '../../runtime/gguf/source.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { openGgufAt } from './open-gguf.ts';

/**
 * The coordinator's model, opened again by one of its threads, which then cuts its tiles by itself.
 * @throws HearthError FILE_READ_FAILED if the file is no longer the one that the coordinator has opened
 */
export async function openModelHere({ path, version }: FileVersion): Promise<ModelFile> {
  const gguf = await openGgufAt(path);
  if (gguf.file?.version === version) return new ModelFile(gguf);
  await gguf.close();
  throw new HearthError('FILE_READ_FAILED', `${path} changed while it was being opened: start again`, {
    path,
  });
}
