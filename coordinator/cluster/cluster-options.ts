import { type Clock, systemClock } from '../../device-agent/clock.ts';
import { type Logger, silentLogger } from '../../device-agent/logger.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { Checks } from '../checking/checks.ts';
import type { Profiler } from '../profile/profiler.ts';
import { type Arrange, arrangeAll, type Stopgap } from './arrangement.ts';
import type { FormationOptions } from './formation-options.ts';
import { hubCodec } from './hub-codec.ts';
import { tensorLayout } from './seat-layouts.ts';
import type { ModelSource } from './tile-delivery.ts';
import { TileHashes } from './tile-hashes.ts';
import { type TileSupply, tilesOf } from './tile-supply.ts';

export interface ClusterOptions {
  readonly model: ModelSource;
  /** What each rank allocates, and thereby what a step may ask for. */
  readonly rankOptions: RankOptions;
  /** The i-th device's part of the work; devices beyond the last stand by. Without it all take equal parts. */
  readonly shares?: readonly number[];
  /** Who of those who may compute does, and how; by default all compute all layers together, by their shares. */
  readonly arrange?: Arrange;
  /** By which answers go on until `arrange` has decided who computes what without a device that has gone. */
  readonly stopgap?: Stopgap;
  /** Devices to wait for before the first start; afterwards whoever is left goes on. */
  readonly minDevices?: number;
  /** How long a step waits for devices when there are none. */
  readonly deviceWaitMs?: number;
  /** A device that loads nothing for so long is let go. */
  readonly loadStallTimeoutMs?: number;
  /** A device that holds up a step for so long is let go; one layer of the longest step must fit in. */
  readonly stepStallTimeoutMs?: number;
  /** Tile bytes under way to one device. */
  readonly tileWindowBytes?: number;
  readonly createCodec?: (maxValues: number) => PlaneCodec;
  /** Of the model; by default they are cut in this thread. */
  readonly tiles?: TileSupply;
  /** Of the model's tiles; by default they are forgotten with the cluster. */
  readonly hashes?: TileHashes;
  readonly clock?: Clock;
  /** Is told of each step; the devices then say where its time went. */
  readonly profiler?: Profiler | undefined;
  /** Has parts of steps computed a second time. */
  readonly checks?: Checks | undefined;
  readonly logger?: Logger;
  readonly onState?: (state: ClusterState) => void;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** The KV caches are gone but for so many first positions of each slot: the others must be computed again. */
  readonly onReset?: (kept: readonly number[]) => void;
  /** A device has computed wrongly: what was computed so far may be wrong. `onReset` follows, with nothing kept. */
  readonly onDistrust?: () => void;
}

/** `waiting` for devices, `loading` tiles, `ready` for steps. */
export type ClusterState = 'waiting' | 'loading' | 'ready' | 'closed';

export interface LoadProgress {
  readonly loadedTiles: number;
  readonly tiles: number;
}

/** Every choice made; without shares all devices are equal, without a profiler or checks nobody looks. */
export type FullClusterOptions = Required<Omit<ClusterOptions, 'shares' | 'profiler' | 'checks'>> &
  Pick<FormationOptions, 'profiler' | 'checks'>;

/** Long enough for a laptop that is opened again or a computer that restarts, shorter than most clients wait. */
export const defaultDeviceWaitMs = 120_000;

const defaults = {
  minDevices: 1,
  deviceWaitMs: defaultDeviceWaitMs,
  loadStallTimeoutMs: 60_000,
  stepStallTimeoutMs: 600_000,
  tileWindowBytes: 4 << 20,
  createCodec: hubCodec,
  clock: systemClock,
  logger: silentLogger,
  onState: () => {},
  onProgress: () => {},
  onReset: () => {},
  onDistrust: () => {},
  profiler: undefined,
  checks: undefined,
  // What is decided at once needs none.
  stopgap: () => undefined,
} satisfies Partial<ClusterOptions>;

export function withDefaults(options: ClusterOptions): FullClusterOptions {
  const { model } = options;
  const { tiles, description } = model;
  return {
    ...defaults,
    hashes: TileHashes.unknown(tiles.length),
    tiles: tilesOf(model, nodeSha256),
    arrange: arrangeAll(tensorLayout(description.config.layerCount)),
    ...options,
  };
}
