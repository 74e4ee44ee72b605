import type { Random } from '../support/random.ts';

/** Changes an input. @param another input, to take pieces of */
export type Mutate = (input: Uint8Array, random: Random, another: Uint8Array) => Uint8Array;

/** One door through which bytes or text come from outside. */
export interface Target {
  /** Sound inputs, from which others are made. */
  readonly seeds: readonly Uint8Array[];
  readonly mutate: Mutate;
  /**
   * Reads an input.
   * @returns what came of it, in a few words: inputs that end in new ones are worth to be changed further
   * @throws HearthError and nothing else
   */
  readonly read: (input: Uint8Array) => string | Promise<string>;
  readonly close?: () => Promise<void>;
}

export const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What is no UTF-8 becomes U+FFFD, as where files and headers are read. */
export const textOfBytes = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
