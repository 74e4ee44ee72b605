import { change, settings } from './settings.ts';

const key = 'hearth.lending';
/** With less a page is of no use. */
const leastBytes = 64e6;

/**
 * A page that ends as pages do says so. One that was in the middle of lending was ended by its browser, most often for
 * want of memory: it lends less from then on.
 * @returns whether that has happened
 */
export function endedByBrowser(): boolean {
  const wasLending = sessionStorage.getItem(key) !== null;
  sessionStorage.setItem(key, 'now');
  addEventListener('pagehide', () => sessionStorage.removeItem(key));
  // A page that comes back from where browsers keep pages.
  addEventListener('pageshow', () => sessionStorage.setItem(key, 'now'));
  if (wasLending)
    change({ memoryBytes: Math.max(leastBytes, Math.floor((settings.value.memoryBytes * 2) / 3)) });
  return wasLending;
}
