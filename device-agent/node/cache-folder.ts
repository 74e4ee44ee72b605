import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Hearth keeps what it can make or fetch again: `HEARTH_CACHE`, else the user's cache folder (XDG). */
export function cacheFolder(): string {
  const { HEARTH_CACHE, XDG_CACHE_HOME } = process.env;
  return HEARTH_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'hearth');
}
