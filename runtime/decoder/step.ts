/** One batch of work: for each sequence its slot, where it starts and how many tokens it brings. */
export interface StepSequence {
  /** Which KV cache; in [0, maxSequences). */
  readonly slot: number;
  /** Position of its first token in this step: tokens before it are in the cache. */
  readonly start: number;
  /** Tokens, at least 1. */
  readonly count: number;
  /** Of which of its tokens logits are wanted. */
  readonly logits: 'none' | 'last' | 'all';
  /** How many of the greatest logits of each of those are needed, at least 1; undefined if all are. */
  readonly best?: number | undefined;
}

export interface StepHeader {
  readonly stepId: number;
  readonly sequences: readonly StepSequence[];
}

/** Partial sums of one micro-batch at one sync, in fixed point, as views into a rank's memory. */
export interface PartialSum {
  /** 2 × layer for attention, 2 × layer + 1 for the FFN. */
  readonly syncIndex: number;
  /** Its first token in the step, and how many it has. */
  readonly first: number;
  readonly tokens: number;
  /** int32 [tokens × hiddenSize], in units of each token's fine scale. */
  readonly fine: Int32Array;
  /** int32 [tokens × hiddenSize], in units of the coarse scale: what was too large for fine; else zeros. */
  readonly coarse: Int32Array;
  coarseUsed: boolean;
}

/** The residual of one micro-batch between two stages, as views into a rank's memory. */
export interface Residual {
  /** The layer that it enters; the number of layers where that is the output head. */
  readonly layer: number;
  /** The micro-batch's first token in the step, and how many it has. */
  readonly first: number;
  readonly tokens: number;
  /** float32, one after another [tokens, hiddenSize]; before the output head, of the tokens that want logits alone. */
  readonly rows: readonly Float32Array[];
}

/**
 * What a rank yields in a step to whoever drives it.
 * `sync`: the sums of a sync that no other rank has a part in; nothing need be done.
 * `sendSum`, `sendResidual`: the others need this; the rank may be resumed as soon as it has been copied.
 * `awaitTiles`: to be resumed when `ready` has settled, for what another processor of the device computes.
 * `awaitSum`: to be resumed when the sum holds what all members of the stage have added up, and `coarseUsed` is true if
 * any of them used coarse. `awaitResidual`: to be resumed when its rows are filled.
 */
export type StepEvent = ExchangeEvent | { readonly kind: 'awaitTiles'; readonly ready: Promise<void> };

/** What concerns other ranks. */
export type ExchangeEvent =
  | { readonly kind: 'sync' | 'sendSum' | 'awaitSum'; readonly sum: PartialSum }
  | { readonly kind: 'sendResidual' | 'awaitResidual'; readonly residual: Residual };

/** A run of rows of the output head: float32 [rowCount of wanted tokens, vocabulary rows first..first+rows). */
export interface LogitPart {
  readonly firstVocabularyRow: number;
  readonly vocabularyRows: number;
  /** float32 [wanted tokens × vocabularyRows], token-major. A copy, safe to keep. */
  readonly values: Float32Array;
}

/** Number of tokens in a step. */
export function tokenCount(header: StepHeader): number {
  return header.sequences.reduce((sum, sequence) => sum + sequence.count, 0);
}

/** The tokens of a step whose logits are wanted, by their places in it. */
export function wantedTokens({ sequences }: StepHeader): number[] {
  let end = 0;
  return sequences.flatMap(({ count, logits }) => {
    const first = { none: end + count, last: end + count - 1, all: end }[logits];
    end += count;
    return Array.from({ length: end - first }, (_, i) => first + i);
  });
}

/** For each row of logits that a step answers with, in the order of its sequences and tokens, its sequence's `best`. */
export function wantedRows({ sequences }: StepHeader): (number | undefined)[] {
  const wanted = { none: () => 0, last: () => 1, all: (count: number) => count };
  return sequences.flatMap(({ logits, count, best }) =>
    Array.from({ length: wanted[logits](count) }, () => best),
  );
}
