import { basename } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { parseSplitName, partNames } from '../../runtime/gguf/split.ts';
import { printable } from '../../runtime/protocol/error-report.ts';
import { formatBytes } from '../cli/output.ts';
import type { HubFile } from './hub.ts';

/** A model of a repository: one file, or all parts of a split one in their order. */
export interface Candidate {
  /** Of the file, or the first part. */
  readonly path: string;
  /** In capitals, such as `Q4_K_M`; undefined where the name does not say. */
  readonly quant: string | undefined;
  readonly bytes: number;
  readonly files: readonly HubFile[];
}

/** What is pulled where the user does not say: small, and good enough. */
const preferred = ['Q4_K_M', 'Q4_0'];

/** The name of a quantisation between separators: `Q4_K_M`, `IQ3_XXS`, `UD-Q4_K_XL`, `BF16`. */
const quantName =
  /(?<=^|[-._])((?:UD-)?(?:I|T)?Q\d(?:_[A-Z\d]+)*|MXFP4(?:_[A-Z\d]+)*|BF16|F16|FP16|F32)(?=$|[-.])/gi;

/**
 * The file that a user means.
 * @param wanted.file a path in the repository, of a split model that of any part
 * @param wanted.quant in any case
 * @throws HearthError USAGE where that is not one model, listing what there is
 */
export function chooseFile(
  repo: string,
  files: readonly HubFile[],
  wanted: { readonly file?: string; readonly quant?: string },
): Candidate {
  const all = candidates(files);
  if (all.length === 0)
    throw new HearthError('USAGE', `${repo} has no GGUF models: look for one whose name ends in GGUF`);
  const { file, quant } = wanted;
  if (file !== undefined) {
    const first = partNames(file)[0];
    return only(all.filter(({ path }) => path === first)) ?? none(repo, `no file ${file}`, all);
  }
  const ofQuant = (name: string) => all.filter((each) => each.quant === name.toUpperCase());
  if (quant !== undefined) {
    const found = ofQuant(quant);
    return only(found) ?? none(repo, found.length > 1 ? `several of ${quant}` : `nothing of ${quant}`, all);
  }
  for (const name of preferred) {
    const choice = only(ofQuant(name));
    if (choice) return choice;
  }
  return only(all) ?? none(repo, 'several models', all);
}

/** What of a repository is a model: not the image part of one (mmproj) nor the statistics of its making (imatrix). */
export function candidates(files: readonly HubFile[]): Candidate[] {
  const models = files.filter(
    ({ path }) => path.endsWith('.gguf') && !/mmproj|imatrix/i.test(basename(path)),
  );
  const byPath = new Map(models.map((file) => [file.path, file]));
  return models
    .filter(({ path }) => (parseSplitName(path)?.index ?? 1) === 1)
    .flatMap(({ path }) => {
      const names = partNames(path);
      const parts = names.flatMap((part) => byPath.get(part) ?? []);
      const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
      // Of a split model that is not all there nothing is of use.
      return parts.length === names.length ? [{ path, quant: quantOf(path), bytes, files: parts }] : [];
    });
}

/** By its file name. */
export function quantOf(path: string): string | undefined {
  const name = basename(path);
  const stem = parseSplitName(name)?.prefix ?? name.replace(/\.gguf$/, '');
  return stem.match(quantName)?.at(-1)?.toUpperCase();
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function none(repo: string, problem: string, all: readonly Candidate[]): never {
  const lines = all.map(({ path, bytes }) => `\n  hf:${repo}/${printable(path)}  ${formatBytes(bytes)}`);
  throw new HearthError('USAGE', `${repo} has ${problem}; name one of${lines.join('')}`, { repo });
}
