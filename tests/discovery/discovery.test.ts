import { randomBytes } from 'node:crypto';
import multicastDns from 'multicast-dns';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findCoordinator, type SearchOptions } from '../../coordinator/cli/find-coordinator.ts';
import { Announcement } from '../../coordinator/discovery/announce.ts';
import { type FoundCoordinator, findCoordinators } from '../../coordinator/discovery/find.ts';
import { asksFor, recordsOf, servicesIn } from '../../coordinator/discovery/service.ts';
import { silentLogger } from '../../device-agent/logger.ts';

/** Multicast that stays on this machine, on a port that nothing else uses. */
const network = { interface: '127.0.0.1', bind: '0.0.0.0', port: 35_353 };

const service = (name: string, port = 11500) => ({
  name,
  port,
  publicKey: Uint8Array.from({ length: 32 }, (_, i) => i ^ port),
});

function announce(name: string, port?: number): Announcement {
  const announcement = new Announcement({
    service: service(name, port),
    addresses: () => ['127.0.0.1'],
    logger: silentLogger,
    network,
  });
  onTestFinished(() => announcement.close());
  return announcement;
}

const none = (): boolean => false;

describe('coordinators', () => {
  it('are found by name, address and key', async () => {
    announce('den');
    announce('attic', 11501);
    const found = await findCoordinators({ timeoutMs: 1500, isWanted: none, network });
    expect(found.map(({ name, url }) => [name, url.replace(/\/\/[\d.]+/, '//here')]).toSorted()).toEqual([
      ['attic', 'http://here:11501'],
      ['den', 'http://here:11500'],
    ]);
    expect(found.find(({ name }) => name === 'den')!.publicKey).toEqual(service('den').publicKey);
  });

  it('that are wanted are not waited for longer than they take', async () => {
    announce('den');
    const beganMs = performance.now();
    const found = await findCoordinators({
      timeoutMs: 8000,
      isWanted: ({ name }) => name === 'den',
      network,
    });
    expect(found.map(({ name }) => name)).toContain('den');
    expect(performance.now() - beganMs).toBeLessThan(4000);
  });

  it('that have closed are found no more', async () => {
    const announcement = announce('den');
    await announcement.close();
    expect(await findCoordinators({ timeoutMs: 400, isWanted: none, network })).toEqual([]);
  });

  it('are none that talk nonsense, and never so many that memory fills', async () => {
    const liar = multicastDns(network);
    onTestFinished(() => new Promise<void>((resolve) => liar.destroy(resolve)));
    const [, , located] = recordsOf(service('liar'), []);
    const searching = findCoordinators({ timeoutMs: 1500, isWanted: none, network });
    for (let i = 0; i < 100; i += 1) liar.respond(recordsOf(service(`many-${i}`, 1 + i), []));
    for (const data of ['key=x', `key=${'x'.repeat(200)}`, 'name', '']) {
      const text = { name: located!.name, type: 'TXT', ttl: 120, data } as const;
      liar.respond([located!, text]);
    }
    const found = await searching;
    expect(found).toHaveLength(32);
    expect(found.map(({ name }) => name)).not.toContain('liar');
  });
});

describe('records', () => {
  const records = recordsOf(service('den'), ['192.168.1.20']);

  it.each([
    ['_hearth._tcp.local', 'PTR', true],
    ['_HEARTH._tcp.local', 'ANY', true],
    ['den-11500._hearth._tcp.local', 'SRV', true],
    ['den.local', 'A', true],
    ['den.local', 'AAAA', false],
    ['_other._tcp.local', 'PTR', false],
  ] as const)('answer who asks for %s %s: %s', (name, type, does) => {
    expect(asksFor({ questions: [{ name, type: type as 'PTR' }] }, records)).toBe(does);
  });

  it('are read as they were written, without what would drive a terminal', () => {
    expect(servicesIn({ answers: records })).toEqual([service('den')]);
    const [wild] = servicesIn({ answers: recordsOf(service('\x1b[2Jden'), []) });
    expect(wild!.name).toBe(' [2Jden');
    expect(servicesIn({ answers: recordsOf(service('den'), [], 0) })).toEqual([]);
  });
});

describe('a device that is told no address', () => {
  const found = (name: string, publicKey = Uint8Array.from(randomBytes(32))): FoundCoordinator => ({
    name,
    port: 1,
    publicKey,
    url: `http://${name}:1`,
  });
  const den = found('den');
  const attic = found('attic');

  function search(
    options: Partial<SearchOptions> & {
      known?: FoundCoordinator;
      lastUrl?: string;
      there?: FoundCoordinator[];
    },
  ) {
    const { known, lastUrl, there = [], ...given } = options;
    return findCoordinator({
      credentials: { knows: (key) => key === known?.publicKey, lastUrl },
      ask: undefined,
      say: () => {},
      find: async () => there,
      ...given,
    });
  }

  it('joins the one that it is paired with, wherever that is now', async () => {
    expect(await search({ there: [attic, den], known: den, lastUrl: 'ws://192.168.1.9:1/ws/agent' })).toBe(
      den.url,
    );
  });

  it('joins the last one where none answers that it knows', async () => {
    const lastUrl = 'ws://192.168.1.9:1/ws/agent';
    expect(await search({ there: [attic], lastUrl })).toBe(lastUrl);
    expect(await search({ there: [], lastUrl })).toBe(lastUrl);
  });

  it('does not look for one of this machine', async () => {
    const find = () => Promise.reject(new Error('looked'));
    const lastUrl = 'ws://127.0.0.1:11500/ws/agent';
    expect(await search({ find, lastUrl })).toBe(lastUrl);
  });

  it('asks which one, where it knows none', async () => {
    const there = [attic, den];
    expect(await search({ there, ask: async () => '2' })).toBe(den.url);
    await expect(search({ there, ask: async () => '3' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(search({ there })).rejects.toThrow(/attic at http:\/\/attic:1[\s\S]*den at/);
    expect(await search({ there: [attic], ask: async () => '' })).toBe(attic.url);
  });

  it('says what to do where there is none', async () => {
    await expect(search({})).rejects.toThrow(/hearth serve --lan/);
  });
});
