import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One prompt of a reference file, with what the reference made of it. */
export interface ReferenceCase {
  readonly prompt: string;
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  /** Per greedy id, the highest logit minus the second. */
  readonly greedy_margin: readonly number[];
  /** Positions in prompt_ids + greedy_ids whose logits are in the file. */
  readonly rows: readonly number[];
  /** Row of the file that holds the first of them. */
  readonly row0: number;
}

export interface Reference {
  /** File name of the model. */
  readonly model: string;
  readonly cases: readonly ReferenceCase[];
  /** float32 [vocabSize] of the given row of a case. */
  logits(which: ReferenceCase, index: number): Float32Array;
}

/** Where llama.cpp's reference logits lie, with the models they belong to. */
const folder =
  process.env.HEARTH_TEST_MODELS ?? fileURLToPath(new URL('../../../shared/models', import.meta.url));

/** Why the reference data cannot be used, or undefined where they can. */
export const missingReferences: string | undefined = existsSync(`${folder}/logits`)
  ? undefined
  : `no reference models in ${folder}: set HEARTH_TEST_MODELS to a folder that has them`;

export function readModel(name: string): Uint8Array {
  return readFileSync(`${folder}/${name}`);
}

export function readText(name: string): string {
  return readFileSync(`${folder}/${name}`, 'utf8');
}

/** Names of all reference files, without `.json`; none where there is no folder. */
export function referenceNames(): string[] {
  if (missingReferences) return [];
  const names = readdirSync(`${folder}/logits`).filter((name) => name.endsWith('.json'));
  return names.map((name) => name.slice(0, -'.json'.length)).sort();
}

export function readReference(name: string): Reference {
  const { model, cases, n_vocab: vocabSize } = JSON.parse(readText(`logits/${name}.json`));
  const bytes = readFileSync(`${folder}/logits/${name}.logits.bin`);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return {
    model,
    cases,
    logits: ({ row0 }, index) => values.subarray((row0 + index) * vocabSize, (row0 + index + 1) * vocabSize),
  };
}
