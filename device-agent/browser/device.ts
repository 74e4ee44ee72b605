import { portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { DeviceOptions } from '../keep-joined.ts';
import type { Logger } from '../logger.ts';
import { kernelRanks } from '../rank-host.ts';
import { CountingRanks } from './counting-ranks.ts';
import type { Database } from './database.ts';
import { DatabaseTileCache } from './database-tile-cache.ts';
import type { DriverSettings } from './driver-messages.ts';
import { fetchKernels, kernelStarter } from './kernel-source.ts';
import { measureBrowser } from './measure.ts';
import { surroundings } from './surroundings.ts';

/** Hearth's version, which the build puts here. */
declare const hearthVersion: string;

export interface BrowserDeviceOptions extends Pick<DriverSettings, 'threads' | 'memoryBytes' | 'cacheBytes'> {
  readonly database: Database;
  readonly logger: Logger;
  readonly onRates: (rates: DeviceRates) => void;
}

export interface BrowserDevice {
  readonly device: DeviceOptions;
  readonly ranks: CountingRanks;
}

/**
 * What a session needs from a browser.
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export async function browserDevice(options: BrowserDeviceOptions): Promise<BrowserDevice> {
  const { threads, memoryBytes, cacheBytes, database, logger, onRates } = options;
  const kernels = await fetchKernels(false);
  const startKernels = kernelStarter(kernels);
  const cache = await DatabaseTileCache.open(database, cacheBytes);
  const sources = { model: undefined, cache, sha256: portableSha256 };
  const ranks = new CountingRanks(
    kernelRanks({
      startKernels,
      sources,
      memoryBytes,
      onUnkept: (error) =>
        logger.warn({ error }, 'weights cannot be kept here: they will be sent again next time'),
    }),
  );
  const { platform } = surroundings();
  const build = startKernels().relaxed ? 'relaxed' : 'baseline';
  const circumstances = `${platform}, ${threads} threads, ${build}, ${hearthVersion}`;
  const measure = measureBrowser({ kernels, threads, memoryBytes, database, circumstances });
  const device: DeviceOptions = {
    softwareVersion: hearthVersion,
    capabilities: { platform, kernels: build, threads, memoryBytes: Math.floor(memoryBytes) },
    createRank: ranks.create,
    sources,
    measure: async (request, signal) => {
      const rates = await measure(request, signal);
      onRates(rates);
      return rates;
    },
    logger,
    sha256: portableSha256,
  };
  return { device, ranks };
}
