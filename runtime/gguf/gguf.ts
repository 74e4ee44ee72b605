import { assert, HearthError } from '../error.ts';
import { type GgufHeader, readHeader } from './header.ts';
import { type GgufTensor, locateTensors } from './layout.ts';
import { Metadata } from './metadata.ts';
import type { ByteSource, FileVersion } from './source.ts';
import { partNames } from './split.ts';
import { badTensor } from './tensor-info.ts';

export type { GgufTensor } from './layout.ts';

/** An open model file: its metadata and where its tensors are. The tensors' bytes stay in the file. */
export interface GgufFile {
  /** What messages call it: the name of its source, the first part where it is split. */
  readonly name: string;
  /** Its source, the first part where it is split, if it is a file. */
  readonly file: FileVersion | undefined;
  /** GGUF version, 2 or 3. */
  readonly version: number;
  readonly metadata: Metadata;
  /** By name, in the file's order. Empty for a vocabulary alone. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Of all parts together. */
  readonly byteLength: number;
  /**
   * Reads a tensor's encoded bytes, or `byteLength` of them from `byteStart` on. A range outside the tensor is a
   * programmer error.
   * @param buffer what they may be put in, if it is large enough; the result then is a view of it
   * @throws HearthError MODEL_BAD_TENSOR where there is no such tensor, FILE_READ_FAILED
   */
  readTensor(name: string, byteStart?: number, byteLength?: number, buffer?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
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
    return assemble(parts, close);
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

function assemble(parts: readonly Part[], close: () => Promise<void>): GgufFile {
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
  return {
    name: source.name,
    file: fileOf(parts),
    version: header.version,
    metadata: new Metadata(header.metadata),
    tensors,
    byteLength: parts.reduce((sum, part) => sum + part.source.byteLength, 0),
    async readTensor(name, byteStart = 0, byteLength, buffer) {
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        throw new HearthError('MODEL_BAD_TENSOR', `${source.name} has no tensor ${name}`, { tensor: name });
      }
      const length = byteLength ?? tensor.byteLength - byteStart;
      assert(
        byteStart >= 0 && length >= 0 && byteStart + length <= tensor.byteLength,
        `${name} has that range`,
      );
      return parts[tensor.partIndex]!.source.read(tensor.byteOffset + byteStart, length, buffer);
    },
    close,
  };
}

/** The first part, in a version that is another one when any part is. */
function fileOf(parts: readonly Part[]): FileVersion | undefined {
  const [first] = parts;
  const versions = parts.map(({ source }) => source.file?.version);
  return first?.source.file && { path: first.source.file.path, version: versions.join(', ') };
}

function splitNumber({ source, header }: Part, key: string): number | undefined {
  const entry = header.metadata.get(key);
  if (entry === undefined || Number.isSafeInteger(entry.value)) return entry?.value as number | undefined;
  throw badSplit(source.name, `has a ${key} that is not a number`);
}

function badSplit(file: string, problem: string): HearthError {
  return new HearthError('GGUF_BAD_SPLIT', `${file} ${problem}`, { file });
}
