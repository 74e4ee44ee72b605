import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import { parseSplitName } from '../../runtime/gguf/split.ts';

/** What the built-in model is called on the command line. */
export const builtInName = 'built-in';
const builtInFile = 'models/hearth-ember.gguf';

export interface ListedModel {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** Where models are looked for by name: `HEARTH_MODELS`, else the user's data folder (XDG). */
export function modelFolder(): string {
  const { HEARTH_MODELS, XDG_DATA_HOME } = process.env;
  return HEARTH_MODELS || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'hearth', 'models');
}

export function builtInPath(): string {
  return join(packageRoot(), builtInFile);
}

/** The built-in model, then those in the model folder; of a split file its first part stands for all. */
export async function listModels(): Promise<ListedModel[]> {
  const folder = modelFolder();
  const names = await readdir(folder).catch(() => []);
  const files = names
    .filter((name) => name.endsWith('.gguf') && (parseSplitName(name)?.index ?? 1) === 1)
    .sort();
  const paths = [builtInPath(), ...files.map((name) => join(folder, name))];
  return Promise.all(
    paths.map(async (path, i) => ({
      name: i === 0 ? builtInName : basename(path, '.gguf'),
      path,
      bytes: (await stat(path)).size,
    })),
  );
}

/**
 * Finds a model by what a user calls it: nothing or `built-in`, a path, or a name in the model folder.
 * @throws HearthError FILE_NOT_FOUND, saying where it was looked for
 */
export async function findModel(model: string | undefined): Promise<string> {
  if (model === undefined || model === builtInName) return builtInPath();
  const candidates = [resolve(model), join(modelFolder(), model), join(modelFolder(), `${model}.gguf`)];
  for (const path of candidates) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  throw new HearthError(
    'FILE_NOT_FOUND',
    `there is no model "${model}": it is neither a file nor in ${modelFolder()} (hearth list shows what is there)`,
    { model },
  );
}
