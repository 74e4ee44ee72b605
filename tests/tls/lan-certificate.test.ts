import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newLeaf, permits } from '../../coordinator/tls/authority.ts';
import { LanCertificate } from '../../coordinator/tls/lan-certificate.ts';
import { type TlsStore, tlsFile } from '../../coordinator/tls/tls-file.ts';

const dayMs = 24 * 60 * 60 * 1000;

function stored(): { store: TlsStore; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { store: tlsFile(folder), path: join(folder, 'tls.json') };
}

function lan(names: readonly string[], now = new Date(), store = stored().store) {
  return new LanCertificate({ store, hostname: 'den', names: () => names, now: () => now });
}

/** Connects to a server of this certificate as OpenSSL judges it. @returns nothing, or what is wrong with it */
async function judged(
  server: { key: string; cert: string },
  ca: string,
  name: string,
): Promise<string | undefined> {
  const listening = createServer(server).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', ca, servername: name });
  const error = await new Promise<Error | undefined>((resolve) => {
    socket.once('error', resolve);
    socket.once('secureConnect', () => resolve(undefined));
  });
  socket.destroy();
  listening.close();
  return error?.message;
}

describe('the certificate', () => {
  it('is one of P-256, for all names and addresses, and no longer than browsers take', () => {
    const { certificate, authority } = lan(['192.168.1.20', 'fd00::20', 'den', 'den.local']);
    const leaf = new X509Certificate(certificate.cert);
    for (const name of ['localhost', 'den', 'den.local']) expect(leaf.checkHost(name)).toBe(name);
    for (const address of ['127.0.0.1', '192.168.1.20', 'fd00::20'])
      expect(leaf.checkIP(address)).toBe(address);
    expect(leaf.checkHost('other.local')).toBeUndefined();
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect([leaf.ca, authority.ca]).toEqual([false, true]);
    const days = (new Date(leaf.validTo).getTime() - new Date(leaf.validFrom).getTime()) / dayMs;
    expect(days).toBeLessThan(397);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('is taken by who trusts the authority, and by nobody else', async () => {
    const { certificate, authority } = lan(['den.local']);
    expect(await judged(certificate, authority.toString(), 'den.local')).toBeUndefined();
    const stranger = lan([]).authority.toString();
    expect(await judged(certificate, stranger, 'den.local')).toMatch(/unable to verify|signature/);
  });

  it('is not taken for what the authority may not speak for, whoever has its key', async () => {
    const { store } = stored();
    const { authority } = lan(['den.local'], new Date(), store);
    const issuer = authority.subject.replace('CN=', '');
    const forge = (...names: string[]) => newLeaf(store.read()!.authority, issuer, names, new Date());
    const ca = authority.toString();
    expect(await judged(forge('localhost', '127.0.0.1'), ca, 'localhost')).toBeUndefined();
    expect(await judged(forge('bank.example'), ca, 'bank.example')).toBe('permitted subtree violation');
    expect(await judged(forge('localhost', '8.8.8.8'), ca, 'localhost')).toBe('permitted subtree violation');
    expect(await judged(forge('localhost', '2001:4860::1'), ca, 'localhost')).toBe(
      'permitted subtree violation',
    );
  });

  it('leaves out names that the authority may not speak for', () => {
    const names = ['bank.example', '192.168.7.7', '203.0.113.5'];
    const kept = lan(names);
    const alternatives = () => new X509Certificate(kept.certificate.cert).subjectAltName;
    const own = 'IP Address:127.0.0.1, IP Address:192.168.7.7';
    // That address is this machine's when the authority is made; later ones are not foreseen.
    expect(alternatives()).toBe(`${own}, IP Address:203.0.113.5, DNS:localhost`);
    names[2] = '203.0.113.6';
    expect(kept.renew()).toBe(true);
    expect(alternatives()).toBe(`${own}, DNS:localhost`);
    expect([kept.speaksFor('192.168.7.7'), kept.speaksFor('203.0.113.6')]).toEqual([true, false]);
  });

  it('stays over a restart, and lies in a file that nobody else reads', () => {
    const { store, path } = stored();
    const first = lan(['den.local'], new Date(), store);
    const second = lan(['den.local'], new Date(), store);
    expect(second.certificate.cert).toBe(first.certificate.cert);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each(['{', '{}', '{"authority":{"key":"x","cert":"y"}}'])(
    'that is damaged is said to be: %s',
    (text) => {
      const { store, path } = stored();
      writeFileSync(path, text);
      expect(() => lan([], new Date(), store)).toThrow(expect.objectContaining({ code: 'FILE_READ_FAILED' }));
    },
  );

  it('is another one once names have changed, or its time is nearly over; the authority stays', () => {
    const { store } = stored();
    const names = ['192.168.1.20'];
    const begun = new Date('2026-03-01');
    let now = begun;
    const kept = new LanCertificate({ store, hostname: 'den', names: () => names, now: () => now });
    const authority = kept.authority.fingerprint256;
    const certs = new Set([kept.certificate.cert]);
    const renewed = () => {
      const isNew = kept.renew();
      certs.add(kept.certificate.cert);
      return isNew;
    };
    expect(renewed()).toBe(false);
    names[0] = '192.168.1.21';
    expect(renewed()).toBe(true);
    expect(renewed()).toBe(false);
    now = new Date(begun.getTime() + 59 * dayMs);
    expect(renewed()).toBe(false);
    now = new Date(begun.getTime() + 61 * dayMs);
    expect(renewed()).toBe(true);
    expect(kept.authority.fingerprint256).toBe(authority);
    expect(certs.size).toBe(3);
    now = new Date(begun.getTime() + 3600 * dayMs);
    expect(renewed()).toBe(true);
    expect(kept.authority.fingerprint256).not.toBe(authority);
  });
});

describe('an authority', () => {
  it.each([
    ['localhost', true],
    ['den', true],
    ['den.local', true],
    ['phone.local', true],
    ['nonlocal', false],
    ['local.example', false],
    ['eden', false],
    ['10.255.0.1', true],
    ['172.31.255.255', true],
    ['172.32.0.0', false],
    ['100.127.0.1', true],
    ['100.128.0.1', false],
    ['192.168.0.1', true],
    ['192.169.0.1', false],
    ['fd12::1', true],
    ['fe80::1', true],
    ['::1', true],
    ['::2', false],
    ['2001:db8::1', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
  ])('may speak for %s: %s', (name, may) => {
    expect(permits(['den', '192.0.2.7'], name)).toBe(may);
  });
});
