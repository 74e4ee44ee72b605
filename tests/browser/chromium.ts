import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = [
  process.env.HEARTH_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/**
 * Where Chromium is; on Debian it is installed if it is missing and this process may. Without it a test is skipped
 * with the reason, but never in CI, where it must be had.
 */
export function chromiumOrReason(): { path: string } | { reason: string } {
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found) return { path: found };
  const reason = install();
  if (reason === undefined) return { path: '/usr/bin/chromium' };
  if (process.env.CI) throw new Error(`CI must run the browser tests, but ${reason}`);
  process.stderr.write(`browser tests are skipped: ${reason}\n`);
  return { reason };
}

/** @returns why it could not be installed */
function install(): string | undefined {
  if (!existsSync('/usr/bin/apt-get')) return 'there is no Chromium (set HEARTH_CHROMIUM to its path)';
  if (process.getuid?.() !== 0)
    return 'there is no Chromium and only root can install it (apt-get install chromium)';
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) =>
    execFileSync('apt-get', args, { env: environment, stdio: 'ignore', timeout: 600_000 });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', 'chromium');
    return undefined;
  } catch (error) {
    return `apt-get could not install Chromium: ${error instanceof Error ? error.message : error}`;
  }
}

/** Headless, and without the services that make Chromium call its makers at every start. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: false,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
