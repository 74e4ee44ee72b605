import type { ModelFile } from '../../runtime/model/model-file.ts';
import type { Sha256 } from '../../runtime/protocol/tile-frame.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';

export interface HashedTile {
  readonly bytes: Uint8Array;
  /** SHA-256. */
  readonly hash: Uint8Array;
}

/** Where tiles come from that are sent to devices. */
export interface TileSupply {
  /** @throws HearthError FILE_*, GGUF_TRUNCATED, THREAD_LOST */
  cut(spec: TileSpec): Promise<HashedTile>;
}

/** Cuts and hashes in this thread, which does nothing else meanwhile. */
export function tilesOf(model: Pick<ModelFile, 'cutTile'>, sha256: Sha256): TileSupply {
  return {
    async cut(spec) {
      const bytes = await model.cutTile(spec);
      return { bytes, hash: sha256(bytes) };
    },
  };
}
