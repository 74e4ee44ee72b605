import type { TileSpec } from '../tile/spec.ts';

/** A tile and its bytes, as ranks have them in memory. */
export interface TileBytes {
  readonly spec: TileSpec;
  readonly bytes: Uint8Array<ArrayBuffer>;
}
