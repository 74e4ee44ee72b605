import { signal } from '@preact/signals';
import {
  defaultMemoryBytes,
  defaultThreads,
  surroundings,
} from '../../../../device-agent/browser/surroundings.ts';
import type { GpuUse } from '../../../../device-agent/gpu-wishes.ts';

/** How the owner lends this device. */
export interface Settings {
  readonly name: string;
  /** Threads of one rank or, where they cannot share a memory, ranks of one thread. */
  readonly threads: number;
  /** Of all ranks. */
  readonly memoryBytes: number;
  /** Part of the time in which they may compute, 0 to 1. */
  readonly effort: number;
  readonly gpu: GpuUse;
  /** Phones all but stop pages that nobody sees. */
  readonly restsWhileHidden: boolean;
}

const key = 'hearth.lend';

/** Of kept tiles. */
export const cacheBytes = 16e9;

export const here = surroundings();

export const settings = signal<Settings>(kept());

export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  localStorage.setItem(key, JSON.stringify(settings.value));
}

function kept(): Settings {
  const defaults = {
    name: defaultName(),
    threads: defaultThreads(here),
    memoryBytes: defaultMemoryBytes(here),
    effort: 1,
    gpu: 'auto' as const,
    restsWhileHidden: here.isMobile,
  };
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Settings>) };
  } catch {
    return defaults;
  }
}

function defaultName(): string {
  const [browser = 'browser', system = 'device'] = here.platform.split(', ');
  return `${system} ${browser.split(' ')[0]}`;
}
