import type { CreateRank, RankHost } from './create-rank.ts';

/** Knows the rank that was created last, for as long as anybody else does. */
export class HeldRank {
  readonly create: CreateRank;
  #host: WeakRef<RankHost> | undefined;

  constructor(create: CreateRank) {
    this.create = (setup, previous) => {
      const host = create(setup, previous);
      this.#host = new WeakRef(host);
      return host;
    };
  }

  /** Of its memories. */
  get usedBytes(): number {
    const memory = this.#host?.deref()?.memory();
    return memory ? memory.residentBytes + memory.windowBytes + memory.otherBytes : 0;
  }
}
