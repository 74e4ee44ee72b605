import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { localAddresses, localName, localNames } from '../../coordinator/cli/local-addresses.ts';
import { LanCertificate } from '../../coordinator/tls/lan-certificate.ts';
import { type TlsState, tlsFile } from '../../coordinator/tls/tls-file.ts';
import { lanAddress } from './browser-bench.ts';
import { JoinBench, secret } from './join-bench.ts';

/** What a coordinator of this machine would make at its first start on a network. */
let tls!: TlsState;
const { certificate } = new LanCertificate({
  store: {
    read: () => undefined,
    write: (state) => {
      tls = state;
    },
  },
  hostname: localName(),
  names: () => [...localAddresses(), ...localNames()],
});
const publicKey = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
const pin = createHash('sha256').update(publicKey).digest('base64');

// Chromium trusts this one certificate, as if its authority had been installed, and no other.
const bench = new JoinBench(`--ignore-certificate-errors-spki-list=${pin}`);
const host = `${localName()}.local`;
const door = ['--host', '0.0.0.0', '--api-key', 'a-key-of-these-tests'];
const answerTokens = 60;

async function serve(...args: readonly string[]): Promise<string> {
  bench.apiKey = 'a-key-of-these-tests';
  await bench.serve(...args, ...door);
  return `https://${host}:${bench.port}/join`;
}

describe('a household', () => {
  it('of a tab behind TLS, one from a plain address and a process answers what one process answers alone', async () => {
    const model = await bench.endlessModel();
    await bench.startCoordinator([model, '--threads', '1']);
    await bench.coordinator.says(/Ready/);
    const alone = await bench.tokens(answerTokens);
    expect(alone).toHaveLength(answerTokens);
    await bench.killAll();

    tlsFile(bench.keysFolder).write(tls);
    const link = await serve(model, '--split', '1,1,1');
    const context = await bench.context({ name: 'isolated', threads: 2 });
    const isolated = await bench.page(context, `${link}#${secret}`);
    const plain = await bench.tab(await bench.context({ name: 'plain' }), lanAddress);
    bench.agent('process');
    await bench.coordinator.says(/Ready/);
    const here = '[location.protocol, isSecureContext, crossOriginIsolated]';
    expect(await isolated.evaluate(here)).toEqual(['https:', true, true]);
    expect(await plain.evaluate(here)).toEqual(['http:', false, false]);
    const devices = await bench.devices();
    expect(devices.map(({ name, state }) => [name, state]).toSorted()).toEqual([
      ['isolated', 'ready'],
      ['plain', 'ready'],
      ['process', 'ready'],
    ]);
    expect(devices.every(({ tileBytes }) => tileBytes > 1e6)).toBe(true);
    expect(await bench.tokens(answerTokens)).toEqual(alone);

    let closing: Promise<void> | undefined;
    const disturbed = bench.tokens(answerTokens, (soFar) => {
      if (soFar > 3) closing ??= isolated.close();
    });
    expect(await disturbed).toEqual(alone);
    await closing;
    // Without the secret: it is paired.
    await bench.page(context, link);
    await expect.poll(async () => (await bench.device('isolated'))?.state).toBe('ready');
    await expect.poll(async () => (await bench.device('isolated'))?.memory?.keptTiles).toBeGreaterThan(0);
    const { memory, tiles } = (await bench.device('isolated'))!;
    // Nothing was sent to it.
    expect(memory!.keptTiles).toBe(tiles);
    expect(await bench.tokens(answerTokens)).toEqual(alone);
  });

  it('is not joined behind a certificate of an authority that is not trusted', async () => {
    const link = await serve();
    const page = await bench.newPage(await bench.newContext());
    await expect(page.goto(link)).rejects.toThrow('ERR_CERT_AUTHORITY_INVALID');
  });
});
