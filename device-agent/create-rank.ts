import type { Rank } from '../runtime/decoder/rank.ts';
import type { StepProfile } from '../runtime/profile/step-profile.ts';
import type { Configure, MemoryUse } from '../runtime/protocol/messages.ts';
import type { Tile } from '../runtime/protocol/tile-frame.ts';

/** What a session needs of a rank, so that a test may script one. */
export type ComputingRank = Pick<
  Rank,
  'step' | 'codecOf' | 'release' | 'kvTileIds' | 'kvRun' | 'restoreKvRuns'
>;

/** A rank and what keeps it going. */
export interface RankHost {
  readonly rank: ComputingRank;
  /**
   * Gets its tiles and starts its threads; settles when both are done.
   * @param report is told at once which tiles must be sent
   * @throws HearthError THREAD_LOST, FILE_*, CACHE_WRITE_FAILED, or what cutting tiles throws
   */
  load(report: LoadReport): Promise<void>;
  /**
   * Takes a tile that was sent.
   * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE if it is not one that was wanted, TILE_CORRUPT
   */
  deliver(tile: Tile): void;
  /** What it takes and streams, the steps apart, which its runner counts. */
  memory(): Omit<MemoryUse, 'steps'>;
  /** Where its threads' time goes, if that was asked for. */
  readonly profile?: StepProfile | undefined;
  /** Ends its threads; the memory goes with it. */
  close(): void;
}

/** What a rank host tells of its tiles. */
export interface LoadReport {
  /** These must be sent: called once for all that are not here, then for what turns out to be damaged. */
  wanted(tileIds: readonly number[]): void;
  /** This one is where it should be. @param tileHash zeros if nobody has hashed it */
  loaded(tileId: number, tileHash: Uint8Array): void;
}

/** What a device is told to be. */
export type RankSetup = Omit<Configure, 'type' | 'configurationId'>;

/**
 * @param previous what the device was before in this session, closed: tiles that it holds need not be got again
 * @throws HearthError MEMORY_EXHAUSTED, KERNEL_UNAVAILABLE
 */
export type CreateRank = (setup: RankSetup, previous?: RankHost) => RankHost;
