import { hashAt, tileHashBytes } from '../../runtime/tile/tile-hash.ts';

/** The SHA-256 of a model's tiles, as far as somebody has computed them. */
export class TileHashes {
  readonly #hashes: Uint8Array;
  readonly #onLearned: (tileId: number, hash: Uint8Array) => void;

  /**
   * @param hashes of all tiles, one after another, zeros where it is not known; taken over
   * @param onLearned told of what is new
   */
  constructor(hashes: Uint8Array, onLearned: (tileId: number, hash: Uint8Array) => void = () => {}) {
    this.#hashes = hashes;
    this.#onLearned = onLearned;
  }

  static unknown(tileCount: number): TileHashes {
    return new TileHashes(new Uint8Array(tileCount * tileHashBytes));
  }

  learn(tileId: number, hash: Uint8Array): void {
    const known = hashAt(this.#hashes, tileId);
    if (known.every((byte, i) => byte === hash[i])) return;
    known.set(hash);
    this.#onLearned(tileId, hash);
  }

  /** Of some tiles, one after another. */
  of(tileIds: readonly number[]): Uint8Array {
    const some = new Uint8Array(tileIds.length * tileHashBytes);
    tileIds.forEach((id, i) => {
      some.set(hashAt(this.#hashes, id), i * tileHashBytes);
    });
    return some;
  }
}
