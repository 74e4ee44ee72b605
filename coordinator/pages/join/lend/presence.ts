import { computed, effect, signal } from '@preact/signals';
import { settings } from './settings.ts';

/** Not in every browser. */
interface Battery extends EventTarget {
  readonly charging: boolean;
  /** 0 to 1. */
  readonly level: number;
}

/** Below it a device that is not charging is left in peace. */
const leastCharge = 0.2;

export const isPaused = signal(false);
const isHidden = signal(document.hidden);
const isBatteryLow = signal(false);

/** Whether the screen is kept on; undefined where pages cannot ask for that. */
export const keepsAwake = signal<boolean | undefined>('wakeLock' in navigator ? false : undefined);

/** Why the coordinator is to leave this device out, for people; empty if it is not. */
export const standByReason = computed(() => {
  if (isPaused.value) return 'paused on its page';
  if (isHidden.value && settings.value.restsWhileHidden) return 'its page is hidden';
  return isBatteryLow.value ? 'its battery is low' : '';
});

/** Follows what the system says of the page, and keeps the screen on while it is lent. */
export function watchPresence(): void {
  document.addEventListener('visibilitychange', () => {
    isHidden.value = document.hidden;
  });
  effect(() => {
    if (!isHidden.value && !isPaused.value) void stayAwake();
    else void released?.release();
  });
  void watchBattery();
}

let released: WakeLockSentinel | undefined;

async function stayAwake(): Promise<void> {
  if (keepsAwake.peek() !== false) return;
  try {
    // Systems take it away when they like: it is asked for again when the page is seen again.
    released = await navigator.wakeLock.request('screen');
    keepsAwake.value = true;
    released.addEventListener('release', () => {
      keepsAwake.value = false;
    });
  } catch {
    // The battery is low, or the owner does not want it.
  }
}

async function watchBattery(): Promise<void> {
  const { getBattery } = navigator as { readonly getBattery?: () => Promise<Battery> };
  const battery = await getBattery?.call(navigator).catch(() => undefined);
  if (!battery) return;
  const look = (): void => {
    isBatteryLow.value = !battery.charging && battery.level < leastCharge;
  };
  for (const event of ['chargingchange', 'levelchange']) battery.addEventListener(event, look);
  look();
}
