import { readFile, writeFile } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';

/** How often each neuron of a model fired over a text: `hearth profile` writes it, `hearth sparsify` reads it. */
export interface FiringProfile {
  /** What the model calls itself. */
  readonly model: string;
  /** Tokens of the text. */
  readonly tokens: number;
  /** [layers][neurons] tokens for which a neuron fired, in the order of the model's file. */
  readonly counts: readonly (readonly number[])[];
  /** Of a SwiGLU model: |silu(gate)| from which a neuron counts as firing, for each layer. */
  readonly cuts?: readonly number[];
}

/** Where a model's profile lies: beside it. */
export function profilePath(modelPath: string): string {
  return modelPath.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '').concat('.firing.json');
}

export async function writeProfile(path: string, profile: FiringProfile): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(profile)}\n`);
  } catch (cause) {
    throw new HearthError(
      'FILE_WRITE_FAILED',
      `${path} cannot be written; --out names another place`,
      { path },
      cause,
    );
  }
}

/**
 * @param shape that the profile must have
 * @throws HearthError FILE_READ_FAILED; USAGE where it is no profile, or one of another model
 */
export async function readProfile(
  path: string,
  { layerCount, intermediateSize }: { layerCount: number; intermediateSize: number },
): Promise<FiringProfile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new HearthError(
      'FILE_READ_FAILED',
      `${path} cannot be read: hearth profile MODEL makes it`,
      { path },
      cause,
    );
  });
  const profile = parse(text);
  if (!profile) throw new HearthError('USAGE', `${path} is no profile of hearth profile`, { path });
  const fits =
    profile.counts.length === layerCount && profile.counts.every((row) => row.length === intermediateSize);
  if (!fits)
    throw new HearthError(
      'USAGE',
      `${path} is of a model with other neurons than the ${layerCount} × ${intermediateSize} of this one`,
      { path },
    );
  return profile;
}

function parse(text: string): FiringProfile | undefined {
  try {
    const { model, tokens, counts, cuts } = JSON.parse(text) as Partial<FiringProfile>;
    const isCount = (count: unknown) => typeof count === 'number' && count >= 0 && count <= tokens!;
    if (typeof model !== 'string' || !Number.isSafeInteger(tokens) || !Array.isArray(counts))
      return undefined;
    if (!counts.every((row) => Array.isArray(row) && row.every(isCount))) return undefined;
    if (cuts && !(cuts.length === counts.length && cuts.every((cut) => cut >= 0))) return undefined;
    return { model, tokens: tokens!, counts, ...(cuts && { cuts }) };
  } catch {
    return undefined;
  }
}
