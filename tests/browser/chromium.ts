import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const candidates = [
  process.env.HEARTH_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Without a path it is the one that playwright-core keeps in the user's cache. */
export type Chromium = { readonly path: string | undefined } | { readonly reason: string };

/**
 * Where Chromium is; it is installed if it is missing, by Debian's packages where this process may, else by
 * playwright-core. Without it a test is skipped with the reason, but never in CI, where it must be had.
 */
export function chromiumOrReason(): Chromium {
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found) return { path: found };
  const mayInstall = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  const reason = mayInstall ? installPackage() : installHeadlessShell();
  if (reason === undefined) return { path: mayInstall ? '/usr/bin/chromium' : undefined };
  if (process.env.CI) throw new Error(`CI must run the browser tests, but ${reason}`);
  process.stderr.write(`browser tests are skipped: ${reason}\n`);
  return { reason };
}

/** @returns why it could not be installed */
function installPackage(): string | undefined {
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

/** @returns why it could not be installed */
function installHeadlessShell(): string | undefined {
  const program = fileURLToPath(new URL('cli.js', import.meta.resolve('playwright-core/package.json')));
  try {
    const args = [program, 'install', 'chromium-headless-shell'];
    execFileSync(process.execPath, args, { stdio: 'ignore', timeout: 600_000 });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    return `there is no Chromium (HEARTH_CHROMIUM may name one), and none could be installed: ${reason}`;
  }
}

/** Whom Chromium asks by itself, for updates and about forms of any page, whatever flags say. */
export const makers: readonly string[] = ['google.com', 'googleapis.com', 'gstatic.com', 'gvt1.com'];

/** Headless, and without the services that make Chromium call its makers at every start. */
export function launch(path: string | undefined, ...more: readonly string[]): Promise<Browser> {
  const args = [
    ...more,
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  if (path === undefined) return chromium.launch({ args });
  return chromium.launch({ executablePath: path, headless: false, args: ['--headless=new', ...args] });
}
