import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';

afterEach(() => vi.unstubAllEnvs());

it.each([
  [{ HEARTH_CACHE: 'mine', XDG_CACHE_HOME: 'all' }, 'mine'],
  [{ HEARTH_CACHE: '', XDG_CACHE_HOME: 'all' }, join('all', 'hearth')],
  [{ HEARTH_CACHE: '', XDG_CACHE_HOME: '' }, join(homedir(), '.cache', 'hearth')],
])('with %j things are cached in %s', (environment, folder) => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  expect(cacheFolder()).toBe(folder);
});
