import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../coordinator/pull/address.ts';
import { redirectTarget } from '../../coordinator/pull/redirects.ts';
import type { WebClientOptions } from '../../coordinator/pull/web-client.ts';
import { FakeHub, sha256 } from './fake-hub.ts';
import { fakeModel, PullBench } from './fixtures.ts';

describe('a public address', () => {
  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '64:ff9b::808:808'])(
    'is %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.1',
    '224.0.0.251',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:c0a8:101',
    '64:ff9b::10.0.0.1',
    'fe80::1%eth0',
    'fd00::1',
    'ff02::1',
    'localhost',
    '',
  ])('is not "%s"', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('where a redirect may lead', () => {
  const target = (location: string, from = 'https://hub.test/a/b', trusted = 'https://hub.test') =>
    redirectTarget(new URL(from), location, trusted, isPublicAddress).href;

  it.each([
    ['/c', 'https://hub.test/c'],
    ['c?d', 'https://hub.test/a/c?d'],
    ['https://cdn.test/x', 'https://cdn.test/x'],
    ['https://8.8.8.8/x', 'https://8.8.8.8/x'],
  ])('%s', (location, expected) => {
    expect(target(location)).toBe(expected);
  });

  it.each([
    'http://cdn.test/x',
    'ftp://cdn.test/x',
    'file:///etc/passwd',
    'data:,GGUF',
    'https://user:word@cdn.test/x',
    'https://127.0.0.1/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://169.254.169.254/latest',
    'https://',
  ])('not to %s', (location) => {
    expect(() => target(location)).toThrow(expect.objectContaining({ code: 'PULL_REFUSED' }));
  });

  it('to the origin that the user named, wherever that is, but not to another port of it', () => {
    const lan = 'https://192.168.1.5:8443';
    expect(target('/y', `${lan}/x`, lan)).toBe(`${lan}/y`);
    expect(() => target('https://192.168.1.5/y', `${lan}/x`, lan)).toThrow(/private address/);
  });

  it('from plain HTTP to plain HTTP, as a user has chosen', () => {
    expect(target('http://cdn.test/x', 'http://mirror.test/', 'http://mirror.test')).toBe(
      'http://cdn.test/x',
    );
  });
});

describe('a hub that redirects', () => {
  const bench = new PullBench();
  const model = fakeModel(35_000);
  let cdn: FakeHub;
  beforeEach(async () => {
    cdn = await FakeHub.start('127.0.0.2');
    for (const hub of [cdn, bench.hub]) hub.files.set('model.gguf', model);
  });
  afterEach(() => cdn.close());

  function redirectTo(location: (count: number) => string): void {
    bench.hub.misbehave = ({ count }, response) => {
      response.writeHead(302, { location: location(count) }).end();
      return true;
    };
  }

  const pull = (options: WebClientOptions) => bench.pull({}, true, bench.client(options));
  /** The second loopback address stands for the internet. */
  const allowAddress = (address: string) => address === '127.0.0.2' || isPublicAddress(address);

  it('is followed, once for many ranges, and its token stays at home', async () => {
    redirectTo(() => cdn.fileUrl('model.gguf').href);
    const credentials = { origin: bench.hub.url.origin, token: 'hf_secret' };
    await pull({ allowAddress, credentials });
    expect(bench.result!.equals(model)).toBe(true);
    expect(bench.hub.seen.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret']);
    expect(cdn.seen).toHaveLength(5);
    expect(cdn.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  it('is asked again when the place it redirected to answers no more', async () => {
    redirectTo((count) => `${cdn.fileUrl('model.gguf').href}?signature=${count}`);
    cdn.misbehave = ({ count }, response) => {
      if (count !== 3) return false;
      response.writeHead(403).end('expired');
      return true;
    };
    await bench.pull({ connections: 1 }, true, bench.client({ allowAddress }));
    expect(bench.result!.equals(model)).toBe(true);
    expect(bench.hub.seen).toHaveLength(2);
  });

  it.each([
    ['an address', (url: URL) => url.href],
    ['an address in IPv6', (url: URL) => `http://[::ffff:127.0.0.2]:${url.port}/x`],
  ])('to a private place is not followed: %s', async (_, location) => {
    redirectTo(() => location(cdn.url));
    await expect(pull({})).rejects.toMatchObject({
      code: 'PULL_REFUSED',
      message: expect.stringMatching(/private address/),
    });
    expect(cdn.seen).toEqual([]);
  });

  /** Answers each name with the next of some addresses. */
  function lookupOf(...answers: readonly (readonly string[])[]): LookupFunction {
    let asked = 0;
    return (_, __, callback) => {
      const addresses = answers[Math.min(asked, answers.length - 1)]!;
      asked += 1;
      callback(
        null,
        addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  }

  it.each([
    ['private', ['127.0.0.2']],
    ['private in IPv6', ['::ffff:127.0.0.2']],
    ['private among others', ['203.0.114.1', '127.0.0.2']],
    ['no address', []],
  ])('by a name is not followed where that is %s', async (_, addresses) => {
    redirectTo(() => `http://cdn.test:${cdn.url.port}/x`);
    await expect(pull({ lookup: lookupOf(addresses) })).rejects.toMatchObject({ code: 'PULL_REFUSED' });
    expect(cdn.seen).toEqual([]);
  });

  it('by a name that means another address later is not followed there', async () => {
    redirectTo(() => `http://cdn.test:${cdn.url.port}${cdn.fileUrl('model.gguf').pathname}`);
    // Each connection is to what its own lookup gave: the first works, and closes.
    cdn.misbehave = (_, response) => {
      response.setHeader('connection', 'close');
      return false;
    };
    const rebound = lookupOf(['127.0.0.2'], ['127.0.0.1']);
    await expect(pull({ allowAddress, lookup: rebound })).rejects.toMatchObject({ code: 'PULL_REFUSED' });
    expect(cdn.seen).toHaveLength(1);
    expect(bench.hub.seen.every(({ host }) => host === bench.hub.url.host)).toBe(true);
  });

  it('in a circle is left', async () => {
    bench.hub.misbehave = (_, response) => {
      response.writeHead(307, { location: bench.hub.fileUrl('model.gguf').href }).end();
      return true;
    };
    await expect(pull({})).rejects.toMatchObject({
      code: 'PULL_REFUSED',
      message: expect.stringMatching(/more than 5 times/),
    });
    expect(bench.hub.seen).toHaveLength(6);
  });

  it('to a longer or shorter file is not believed', async () => {
    redirectTo(() => cdn.fileUrl('model.gguf').href);
    cdn.files.set('model.gguf', fakeModel(35_000, 3));
    await expect(pull({ allowAddress })).rejects.toMatchObject({
      code: 'PULL_CORRUPT',
      fields: { sha256: sha256(fakeModel(35_000, 3)) },
    });
  });
});
