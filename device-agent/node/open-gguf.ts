import { dirname, join } from 'node:path';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import { FileSource } from './file-source.ts';

/** Opens a GGUF file of this machine, with its other parts where it is split. */
export async function openGgufAt(path: string): Promise<GgufFile> {
  const folder = dirname(path);
  return openGguf(await FileSource.open(path), (name) => FileSource.open(join(folder, name)));
}
