import { assert } from '../error.ts';

interface Piece {
  readonly tile: number;
  readonly begin: number;
  readonly end: number;
}

/** A ring of bytes from which tiles of any size get room in order, and to which they give it back in order. */
export class ByteRing {
  readonly #begin: number;
  readonly #end: number;
  /** In the order in which they came. */
  readonly #pieces: Piece[] = [];

  /** Of the addresses [begin, end). */
  constructor(begin: number, end: number) {
    this.#begin = begin;
    this.#end = end;
  }

  /** Drops the oldest tiles while they are no longer in use. */
  reclaim(inUse: (tile: number) => boolean): void {
    while (this.#pieces.length > 0 && !inUse(this.#pieces[0]!.tile)) this.#pieces.shift();
  }

  /** @returns an address; undefined while there is no room */
  place(tile: number, bytes: number): number | undefined {
    assert(bytes <= this.#end - this.#begin, 'a ring that holds them', bytes);
    const begin = this.#room(bytes);
    if (begin !== undefined) this.#pieces.push({ tile, begin, end: begin + bytes });
    return begin;
  }

  /** A tile is never cut in two: what does not fit before the end goes to the beginning. */
  #room(bytes: number): number | undefined {
    const oldest = this.#pieces[0];
    const newest = this.#pieces.at(-1);
    if (!oldest || !newest) return this.#begin;
    if (newest.end <= oldest.begin) return newest.end + bytes <= oldest.begin ? newest.end : undefined;
    if (newest.end + bytes <= this.#end) return newest.end;
    return this.#begin + bytes <= oldest.begin ? this.#begin : undefined;
  }
}
