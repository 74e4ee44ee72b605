/**
 * What a browser lets a page do, by where the page comes from:
 * - `isolated`: threads share a memory, tiles stream from files. A page of this machine or from `https://`
 * - `secure`: as `plain`, but tiles are hashed by the browser. Where a browser does not isolate the page
 * - `plain`: one thread for each memory. A page from a plain `http://` address
 */
export type Rung = 'isolated' | 'secure' | 'plain';

export interface Surroundings {
  readonly rung: Rung;
  readonly processors: number;
  /** Such as `Chromium 156, Linux`. */
  readonly platform: string;
  readonly isMobile: boolean;
  /** What the browser says of the device, in bytes, if it does. */
  readonly deviceBytes: number | undefined;
}

/** Not in every browser's types. */
interface NavigatorExtras {
  /** In GiB, at most 8. */
  readonly deviceMemory?: number;
}

export function surroundings(): Surroundings {
  const { hardwareConcurrency, userAgent } = navigator;
  const { deviceMemory } = navigator as NavigatorExtras;
  return {
    rung: crossOriginIsolated ? 'isolated' : isSecureContext ? 'secure' : 'plain',
    processors: hardwareConcurrency || 1,
    platform: `${browserIn(userAgent)}, ${systemIn(userAgent)}`,
    isMobile: /Android|iPhone|iPad|Mobile/.test(userAgent),
    deviceBytes: deviceMemory && deviceMemory * 2 ** 30,
  };
}

function browserIn(userAgent: string): string {
  const safari = /Version\/(\d+).*Safari/.exec(userAgent);
  if (safari) return `Safari ${safari[1]}`;
  const found = /(Firefox|Edg|OPR|Chrome)\/(\d+)/.exec(userAgent);
  return found ? `${found[1]} ${found[2]}` : 'browser';
}

function systemIn(userAgent: string): string {
  return /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(userAgent)?.[0] ?? 'unknown system';
}

/** What a tab may take before its system ends it: phones say little and end tabs early. */
export function defaultMemoryBytes({ deviceBytes, isMobile, platform }: Surroundings): number {
  if (isMobile) return /iPhone|iPad/.test(platform) ? 768e6 : Math.min(1e9, (deviceBytes ?? 2e9) / 5);
  return Math.min(4e9, deviceBytes ? deviceBytes / 2 : 2e9);
}

/** Threads or, where they cannot share a memory, ranks of their own: the page and the system need some processors too. */
export function defaultThreads({ processors, rung, isMobile }: Surroundings): number {
  if (rung !== 'isolated') return processors >= 4 ? 2 : 1;
  return Math.max(1, isMobile ? processors >> 1 : processors - 1);
}
