import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';

const load = (name: string) => import(new URL(name, import.meta.url).href);
const { Namespaces } = await load('namespaces.mjs');
const { settleLink } = await load('link-probe.mjs');
const { Companion } = await load('../companion.mjs');

/** Why there can be no namespaces here. */
function missing(): string | undefined {
  if (process.platform !== 'linux') return 'they are of Linux';
  if (process.getuid?.() !== 0) return 'they take root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  try {
    execFileSync('ip', ['netns', 'list']);
    execFileSync('python3', ['--version']);
    execFileSync('chrt', ['-f', '1', 'true']);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

const reason = missing();
if (reason) console.warn(`network namespaces are not tested: ${reason}`);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const network of open.splice(0)) await network.close();
});

async function network(hostCount: number, options = {}) {
  const opened = await Namespaces.open(hostCount, options);
  open.push(opened);
  return opened;
}

const namespaces = () => execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });

describe.skipIf(reason !== undefined)('hosts that are network namespaces', () => {
  it('have links no faster than asked, nor much slower, and other ones when those are set', async () => {
    const opened = await network(2);
    for (const link of [
      { delayMs: 10, rateMbit: 50, jitterMs: 0 },
      { delayMs: 0, rateMbit: 200, jitterMs: 0 },
    ]) {
      const { setting, rttMs, rateMbit, holds } = await settleLink(opened, link);
      // What a correction of the delay has lowered a little.
      expect(rttMs).toBeGreaterThan(2 * setting.delayMs);
      expect(rateMbit).toBeLessThan(link.rateMbit * 1.02);
      // How near it comes is for the machine to say, and whoever measures with it is told whether that is near enough.
      expect(rttMs).toBeLessThan(2 * link.delayMs + 15);
      expect(rateMbit).toBeGreaterThan(link.rateMbit / 3);
      const isNear = Math.abs(rateMbit / link.rateMbit - 1) <= 0.1;
      const isSoon = Math.abs(rttMs - 2 * link.delayMs) <= Math.max(0.2 * link.delayMs, 0.25);
      expect(holds).toBe(isNear && isSoon);
    }
  });

  it('all reach each other', async () => {
    const opened = await network(3);
    const listen =
      "require('net').createServer((s) => s.end('here')).listen(7000, () => console.log('LISTENS'))";
    const server = Companion.start(opened.command(2, [process.execPath, '-e', listen]));
    try {
      await server.says(/LISTENS/);
      const { host, port } = await opened.addressOf(2, 7000);
      const call = `require('net').connect(${port}, '${host}').pipe(process.stdout)`;
      for (const caller of [0, 1])
        expect(await Companion.start(opened.command(caller, [process.execPath, '-e', call])).end()).toBe(
          'here',
        );
    } finally {
      await server.stop();
    }
  });

  it('are gone when their network is closed', async () => {
    const prefix = `hearth-${process.pid}-`;
    const opened = await Namespaces.open(2);
    expect(namespaces()).toContain(prefix);
    await opened.close();
    expect(namespaces()).not.toContain(prefix);
  });
});
