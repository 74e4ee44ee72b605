import { HearthError } from '../error.ts';
import { type GgufHeader, readHeader } from './header.ts';
import { type GgufTensor, locateTensors } from './layout.ts';
import { Metadata } from './metadata.ts';
import type { ByteSource, FileVersion } from './source.ts';
import { partNames } from './split.ts';
import { type TensorFile, tensorFile } from './tensor-file.ts';
import { badTensor } from './tensor-info.ts';

export type { GgufTensor } from './layout.ts';

/** An open model file: its metadata and where its tensors are. The tensors' bytes stay in the file. */
export interface GgufFile extends TensorFile {
  /** What messages call it: the name of its source, the first part where it is split. */
  readonly name: string;
  /** Its source, the first part where it is split, if it is a file; of another version when any part is. */
  readonly file: FileVersion | undefined;
  /** Its sources, if they are files. */
  readonly files: readonly FileVersion[] | undefined;
  /** GGUF version, 2 or 3. */
  readonly version: number;
  readonly metadata: Metadata;
  /** Of all parts together. */
  readonly byteLength: number;
}

/** Opens another part of a split file. `name` is made from the first part's: a path beside it, or a URL. */
export type OpenPart = (name: string) => Promise<ByteSource>;

interface Part {
  readonly source: ByteSource;
  readonly header: GgufHeader;
}

/**
 * Opens a GGUF file and takes over its source: closing the file closes it, and so does failing.
 * @param openPart needed only for split files
 * @throws HearthError GGUF_* for whatever is wrong with the file
 */
export async function openGguf(source: ByteSource, openPart?: OpenPart): Promise<GgufFile> {
  const sources = [source];
  const close = async () => {
    await Promise.all(sources.map((part) => part.close()));
  };
  try {
    const first = { source, header: await readHeader(source) };
    const parts = [first, ...(await openOtherParts(first, sources, openPart))];
    return assemble(parts);
  } catch (error) {
    // What went wrong first is what the caller must hear of.
    await close().catch(() => {});
    throw error;
  }
}

/** Opens parts 2 and up, if there are any, and adds each source to `sources` as soon as it is open. */
async function openOtherParts(first: Part, sources: ByteSource[], openPart?: OpenPart): Promise<Part[]> {
  const { name } = first.source;
  const count = splitNumber(first, 'split.count') ?? 1;
  if (count <= 1) return [];
  if (splitNumber(first, 'split.no') !== 0) throw badSplit(name, 'is not the first part; open that one');
  const names = partNames(name);
  if (names.length !== count || names[0] !== name) {
    throw badSplit(
      name,
      `is the first of ${count} parts, but its name does not end so that the others follow`,
    );
  }
  if (openPart === undefined) throw badSplit(name, `is one of ${count} parts; the others cannot be reached`);

  const others: Part[] = [];
  for (const [index, partName] of names.entries()) {
    if (index === 0) continue;
    const source = await openPart(partName);
    sources.push(source);
    const part = { source, header: await readHeader(source) };
    for (const key of ['split.count', 'split.tensors.count']) {
      const differs = splitNumber(part, key) !== splitNumber(first, key);
      if (differs) throw badSplit(partName, `differs from ${name} in ${key}`);
    }
    const isInPlace = splitNumber(part, 'split.no') === index;
    if (!isInPlace) throw badSplit(partName, `is not part ${index + 1} of ${count}`);
    others.push(part);
  }
  return others;
}

function assemble(parts: readonly Part[]): GgufFile {
  const { source, header } = parts[0]!;
  const tensors = new Map<string, GgufTensor>();
  for (const [partIndex, part] of parts.entries()) {
    for (const tensor of locateTensors(part.header, part.source, partIndex)) {
      if (tensors.has(tensor.name)) throw badTensor(tensor.name, 'appears twice');
      tensors.set(tensor.name, tensor);
    }
  }
  const announced = parts.length > 1 ? splitNumber(parts[0]!, 'split.tensors.count') : undefined;
  if (announced !== undefined && announced !== tensors.size) {
    throw badSplit(source.name, `announces ${announced} tensors, but its parts have ${tensors.size}`);
  }
  const files = filesOf(parts);
  return {
    name: source.name,
    file: fileOf(files),
    files,
    version: header.version,
    metadata: new Metadata(header.metadata),
    byteLength: parts.reduce((sum, part) => sum + part.source.byteLength, 0),
    ...tensorFile(
      parts.map((part) => part.source),
      tensors,
    ),
  };
}

function filesOf(parts: readonly Part[]): FileVersion[] | undefined {
  const files = parts.flatMap(({ source }) => (source.file ? [source.file] : []));
  return files.length === parts.length ? files : undefined;
}

/** The first, in a version that is another one when any is. */
function fileOf(files: readonly FileVersion[] | undefined): FileVersion | undefined {
  return files && { path: files[0]!.path, version: files.map(({ version }) => version).join(', ') };
}

function splitNumber({ source, header }: Part, key: string): number | undefined {
  const entry = header.metadata.get(key);
  if (entry === undefined || Number.isSafeInteger(entry.value)) return entry?.value as number | undefined;
  throw badSplit(source.name, `has a ${key} that is not a number`);
}

function badSplit(file: string, problem: string): HearthError {
  return new HearthError('GGUF_BAD_SPLIT', `${file} ${problem}`, { file });
}
