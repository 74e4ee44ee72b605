import type { ComputingRank, CreateRank, RankHost } from '../../device-agent/create-rank.ts';
import type { Rank } from '../../runtime/decoder/rank.ts';
import type { StepEvent } from '../../runtime/decoder/step.ts';

/** What goes wrong in a rank. */
export interface Wrongs {
  /** Flips a bit of a value of the sums that it sends at a sync, from the n-th step on. */
  readonly sum?: {
    readonly sync: number;
    readonly index: number;
    readonly bit: number;
    readonly fromStep?: number;
  };
  /** Flips a bit of a tile, once it is loaded. */
  readonly tile?: { readonly id: number; readonly byte: number };
  /** Flips a bit of a tile's first page of KV, once a step has begun behind it. */
  readonly kv?: { readonly id: number; readonly slot: number; readonly byte: number };
  /** Flips the lowest bit of a logit. */
  readonly logit?: { readonly row: number };
}

/** Ranks that compute as others do, but for what goes wrong. */
export function wrongRanks(create: CreateRank, wrongs: Wrongs): CreateRank {
  const real = new WeakMap<RankHost, RankHost>();
  return (setup, previous) => {
    const host = create(setup, previous && real.get(previous));
    const rank = host.rank as Rank;
    let steps = 0;
    const step: ComputingRank['step'] = (header, embeddings) => {
      const { kv } = wrongs;
      const reads = header.sequences.some(({ slot, start }) => slot === kv?.slot && start >= 64);
      if (kv && reads) rank.kvRun(kv.slot, 0, kv.id)[0]![kv.byte]! ^= 1;
      steps += 1;
      return tamper(rank.step(header, embeddings), steps - 1, wrongs);
    };
    const wrong = new Proxy(rank, {
      get: (target, name) => {
        if (name === 'step') return step;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const wrongHost: RankHost = {
      rank: wrong,
      load: async (report) => {
        await host.load(report);
        const { tile } = wrongs;
        if (tile && setup.assignment.tileIds.includes(tile.id)) rank.tileSlot(tile.id)![tile.byte]! ^= 8;
      },
      deliver: (tile) => host.deliver(tile),
      memory: () => host.memory(),
      close: () => host.close(),
    };
    real.set(wrongHost, host);
    return wrongHost;
  };
}

function* tamper(
  steps: ReturnType<ComputingRank['step']>,
  step: number,
  { sum, logit }: Wrongs,
): ReturnType<ComputingRank['step']> {
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) {
      for (const { firstVocabularyRow: first, vocabularyRows: count, values } of next.value)
        if (logit && first <= logit.row && logit.row < first + count) flip(values, logit.row - first);
      return next.value;
    }
    const event: StepEvent = next.value;
    if (event.kind === 'sendSum' && event.sum.syncIndex === sum?.sync && step >= (sum.fromStep ?? 0))
      event.sum.fine[sum.index]! ^= 1 << sum.bit;
    yield event;
  }
}

function flip(values: Float32Array, index: number): void {
  new Uint32Array(values.buffer, values.byteOffset, values.length)[index]! ^= 1;
}
