import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { Cryptography } from '../../runtime/secure/cryptography.ts';
import { portableCryptography } from '../../runtime/secure/portable-cryptography.ts';
import type { DeviceGpu } from '../device-gpu.ts';
import { HeldRank } from '../held-rank.ts';
import type { DeviceOptions } from '../keep-joined.ts';
import type { Logger } from '../logger.ts';
import { scaledRates } from '../probe/measure.ts';
import { kernelRanks } from '../rank-host.ts';
import type { StandBySwitch } from '../stand-by-switch.ts';
import type { TileCache } from '../tile-cache.ts';
import { startChecksum } from './checksum.ts';
import { CountingRanks } from './counting-ranks.ts';
import type { Database } from './database.ts';
import { DatabaseTileCache } from './database-tile-cache.ts';
import type { DriverSettings } from './driver-messages.ts';
import { fetchKernels, kernelStarter } from './kernel-source.ts';
import { measureBrowser } from './measure.ts';
import { measureFiles } from './measure-files.ts';
import { openBrowserGpu } from './open-gpu.ts';
import { PackTileCache } from './pack-tile-cache.ts';
import { browserThreads, startLoader } from './rank-workers.ts';
import { startSha256 } from './sha256.ts';
import { surroundings } from './surroundings.ts';

/** Of a memory beside what its rank may take. */
const spareBytes = 16 << 20;

/** Hearth's version, which the build puts here. */
declare const hearthVersion: string;

/** What the owner may want otherwise at any time. */
export interface DeviceWishes {
  readonly standBy: StandBySwitch;
  effort: number;
}

export interface BrowserDeviceOptions
  extends Pick<DriverSettings, 'threads' | 'memoryBytes' | 'cacheBytes' | 'gpu'> {
  readonly database: Database;
  readonly wishes: DeviceWishes;
  readonly logger: Logger;
  readonly onRates: (rates: DeviceRates) => void;
}

export interface BrowserDevice {
  readonly device: DeviceOptions;
  readonly ranks: CountingRanks;
  readonly cryptography: Cryptography;
  readonly gpu: DeviceGpu | undefined;
}

/**
 * What a session needs from a browser.
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export async function browserDevice(options: BrowserDeviceOptions): Promise<BrowserDevice> {
  const { threads, database, cacheBytes, wishes, logger, onRates } = options;
  const memoryBytes = Math.floor(options.memoryBytes);
  const [kernels, { pack, cache }, sha256, gpu] = await Promise.all([
    fetchKernels(crossOriginIsolated),
    openCache(database, cacheBytes),
    startSha256(),
    openBrowserGpu(options.gpu, { logger, threads, rankBytes: memoryBytes }),
  ]);
  const startKernels = kernelStarter(kernels);
  const streams = crossOriginIsolated && pack?.streams === true;
  const sources = { model: undefined, cache, sha256 };
  const held = new HeldRank(
    kernelRanks({
      startKernels,
      threads: browserThreads(threads, kernels),
      sources,
      memoryBytes,
      // Phones refuse to set aside room for a memory that would never get so large.
      arenaLimitBytes: Math.min(maximumMemoryBytes, memoryBytes + spareBytes),
      lending: gpu && ((setup, spareBytes) => gpu.lending(setup, measure, spareBytes)),
      startLoader: streams ? (job) => startLoader(job, pack) : undefined,
      onUnkept: (error) =>
        logger.warn({ error }, 'weights cannot be kept here: they will be sent again next time'),
    }),
  );
  const ranks = new CountingRanks(held.create);
  const { platform } = surroundings();
  const build = startKernels().relaxed ? 'relaxed' : 'baseline';
  const measure = measureBrowser({
    kernels,
    threads,
    memoryBytes,
    usedBytes: () => held.usedBytes,
    gpu,
    database,
    diskBytesPerSecond: async () => (streams ? measureFiles() : 0),
    circumstances: [
      platform,
      `${threads} threads`,
      build,
      streams ? 'streams' : 'stays',
      hearthVersion,
      ...(gpu ? [gpu.name] : []),
    ].join(', '),
  });
  const measureAll = gpu ? gpu.telling(measure) : measure;
  const device: DeviceOptions = {
    softwareVersion: hearthVersion,
    capabilities: { platform, kernels: build, threads, memoryBytes },
    createRank: ranks.create,
    sources,
    measure: async (request, signal) => {
      const rates = await measureAll(request, signal);
      onRates(rates);
      return scaledRates(rates, wishes.effort);
    },
    standBy: wishes.standBy,
    effort: () => wishes.effort,
    logger,
    sha256,
  };
  return { device, ranks, gpu, cryptography: portableCryptography(startKernels()) };
}

/** @returns the pack, too, where that is the cache */
async function openCache(
  database: Database,
  capacityBytes: number,
): Promise<{ readonly cache: TileCache; readonly pack: PackTileCache | undefined }> {
  const checksum = await startChecksum();
  const pack = await PackTileCache.open(capacityBytes, checksum);
  const cache = pack ?? (await DatabaseTileCache.open(database, capacityBytes, checksum));
  return { pack, cache };
}
