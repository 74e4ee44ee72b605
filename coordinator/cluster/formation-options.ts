import type { Clock } from '../../device-agent/clock.ts';
import type { Logger } from '../../device-agent/logger.ts';
import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { Checks } from '../checking/checks.ts';
import type { Profiler } from '../profile/profiler.ts';
import type { KvCopies } from './kv-copies.ts';
import type { ModelSource } from './tile-delivery.ts';
import type { TileHashes } from './tile-hashes.ts';
import type { TileSupply } from './tile-supply.ts';

/** What a formation needs beside its members. */
export interface FormationOptions {
  readonly model: ModelSource;
  readonly rankOptions: RankOptions;
  /** For planes of at most so many values. */
  readonly createCodec: (maxValues: number) => PlaneCodec;
  readonly clock: Clock;
  readonly tiles: TileSupply;
  readonly hashes: TileHashes;
  readonly tileWindowBytes: number;
  readonly loadStallTimeoutMs: number;
  readonly stepStallTimeoutMs: number;
  readonly copies: KvCopies;
  readonly profiler: Profiler | undefined;
  readonly checks: Checks | undefined;
  readonly logger: Logger;
  /** A tile has been loaded by any rank. */
  readonly onLoaded: () => void;
}
