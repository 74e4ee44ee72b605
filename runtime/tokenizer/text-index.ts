/** Where each of many texts stands in their list. A `Map` of a large vocabulary takes several times this memory. */
export class TextIndex {
  readonly #texts: readonly string[];
  /** Open addressing: a place in the list, plus one; 0 is free. */
  readonly #slots: Int32Array;

  /** @param texts may hold more than are added */
  constructor(texts: readonly string[]) {
    this.#texts = texts;
    this.#slots = new Int32Array(tableLength(texts.length));
  }

  /** @returns false if the text of this place is there already */
  add(place: number): boolean {
    const slot = this.#slotOf(this.#texts[place]!);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = place + 1;
    return true;
  }

  find(text: string): number | undefined {
    const entry = this.#slots[this.#slotOf(text)]!;
    return entry === 0 ? undefined : entry - 1;
  }

  /** The slot that holds the text, or a free one. */
  #slotOf(text: string): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(text) & mask;
    for (;;) {
      const entry = this.#slots[slot]!;
      if (entry === 0 || this.#texts[entry - 1] === text) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

/** A power of two of which at most half is used, so that what is searched for stands near. */
export function tableLength(entries: number): number {
  return 1 << (32 - Math.clz32(2 * entries));
}

/** Brings all bits of a hash into its low ones (the finaliser of MurmurHash3, Austin Appleby, public domain). */
export function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** FNV-1a over UTF-16. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}
