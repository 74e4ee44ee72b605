/** Something that a thread spends time on. */
export interface Operation {
  /** How it is written in logs and on the wire. Never given a second meaning. */
  readonly number: number;
  /** What people read. */
  readonly label: string;
}

/**
 * All that time is charged to, in the order in which it is shown. An operation is named where it ends
 * (`recorder.mark(operations.norm)`); a new one is one line here.
 */
export const operations = {
  open: { number: 1, label: 'opening the step' },
  norm: { number: 2, label: 'norm' },
  quantise: { number: 3, label: 'quantising activations' },
  queryKeyValue: { number: 4, label: 'query, key, value' },
  rope: { number: 5, label: 'rope' },
  storeKv: { number: 6, label: 'storing K and V' },
  attention: { number: 7, label: 'attention' },
  attentionOutput: { number: 8, label: 'attention output' },
  predict: { number: 33, label: 'predicting neurons' },
  gateUp: { number: 9, label: 'gate, up' },
  swiglu: { number: 10, label: 'swiglu' },
  down: { number: 11, label: 'down' },
  vocabulary: { number: 12, label: 'vocabulary' },
  addPartial: { number: 13, label: 'adding partial sums' },
  reduce: { number: 14, label: 'reducing over threads' },
  exchange: { number: 15, label: 'packing, unpacking sums' },
  apply: { number: 16, label: 'applying sums' },
  logits: { number: 17, label: 'gathering logits' },
  answer: { number: 18, label: 'encoding logits' },
  barrier: { number: 19, label: 'waiting at barriers' },
  otherRanks: { number: 20, label: 'waiting for other ranks' },
  messages: { number: 21, label: 'letting messages in' },
  idle: { number: 22, label: 'waiting for the leader' },
  awaitWeights: { number: 30, label: 'waiting for weights' },
  readWeights: { number: 31, label: 'reading weights' },
  windowFull: { number: 32, label: 'having read enough' },

  // Of the coordinator.
  embed: { number: 23, label: 'embedding tokens' },
  sendStep: { number: 24, label: 'sending the step' },
  hub: { number: 25, label: 'passing sums on' },
  takeLogits: { number: 26, label: 'taking logits' },
  devices: { number: 27, label: 'waiting for devices' },

  // What no thread marks, but follows from when a step was sent and answered.
  link: { number: 28, label: 'on the way' },
  between: { number: 29, label: 'between steps' },
  unaccounted: { number: 0, label: 'unaccounted' },
} as const satisfies Readonly<Record<string, Operation>>;

/** All of them, by number. */
export const operationsByNumber: readonly Operation[] = Object.values<Operation>(operations).sort(
  (a, b) => a.number - b.number,
);
