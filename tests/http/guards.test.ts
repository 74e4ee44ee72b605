import { describe, expect, it } from 'vitest';
import { HostGuard, hostnameOf } from '../../coordinator/host-guard.ts';
import type { Handler } from '../../coordinator/http/routes.ts';
import { answerOf, chatBody, errorOf, post, served, testKeys } from './fixtures.ts';

const routes = [
  '/',
  '/health',
  '/v1/models',
  '/v1/chat/completions',
  '/v1/completions',
  '/tokenize',
  '/nowhere',
];

describe('Host and Origin', () => {
  it.each(routes)('%s refuses names that are not this server’s', async (path) => {
    const { app } = served();
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const foreignHost = await app.request(path, { method, headers: { host: 'attacker.example' } });
      expect(await errorOf(foreignHost)).toEqual([403, 'HOST_NOT_ALLOWED', null]);
      const headers = { host: 'localhost:8080', origin: 'https://attacker.example' };
      const foreignOrigin = await app.request(path, { method, headers });
      expect(foreignOrigin.status).toBe(403);
      expect(foreignOrigin.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it.each([
    'localhost',
    'LOCALHOST:1',
    'hearth.localhost:80',
    '127.0.0.1:8080',
    '127.9.9.9',
    '[::1]:8080',
    'localhost.',
  ])('takes the loopback name %s', async (host) => {
    expect((await served().app.request('/health', { headers: { host } })).status).toBe(200);
  });

  it.each(['192.168.1.2', '10.0.0.1:8080', '[::2]'])(
    'takes the address %s, which no DNS answer can point elsewhere',
    async (host) => {
      expect((await served().app.request('/health', { headers: { host } })).status).toBe(200);
    },
  );

  it('takes a page of the very address that is asked, and none of another', () => {
    const guard = new HostGuard([]);
    guard.check('192.168.1.2:8080', 'http://192.168.1.2:8080');
    for (const origin of [
      'http://192.168.1.2',
      'http://192.168.1.3:8080',
      'http://192.168.1.2:8080.attacker.example',
    ])
      expect(() => guard.check('192.168.1.2:8080', origin), origin).toThrow('may not use this server');
    expect(() => guard.check('attacker.example', 'http://attacker.example')).toThrow('not allowed');
  });

  it.each([
    'localhost.attacker.example',
    'attacker.example:localhost',
    'localhost@attacker.example',
    'attacker.example/localhost',
    'attacker.example#localhost',
    '127.0.0.1.attacker.example',
    '1270.0.0.1',
    'xlocalhost',
    '',
  ])('refuses the host %s', async (host) => {
    expect((await served().app.request('/health', { headers: { host } })).status).toBe(403);
  });

  it.each([
    'null',
    'file://localhost',
    'http://localhost@attacker.example',
    'localhost',
    'http://localhost/path',
    'http://192.168.1.2',
    'http://[::2]:8080',
  ])('refuses the origin %s', async (origin) => {
    const { app } = served();
    expect((await app.request('/health', { headers: { host: 'localhost', origin } })).status).toBe(403);
  });

  it('takes configured names, with any port', async () => {
    const { app } = served(undefined, { allowedHosts: ['Den.local', '192.168.1.2', 'fe80::1'] });
    for (const host of ['den.local', 'den.local:8080', '192.168.1.2:80', '[fe80::1]:80']) {
      expect((await app.request('/health', { headers: { host } })).status).toBe(200);
    }
    expect((await app.request('/health', { headers: { host: 'other.local' } })).status).toBe(403);
  });

  it('lets pages of allowed origins read, and no others', async () => {
    const { app } = served();
    const origin = 'http://localhost:3000';
    const response = await app.request('/v1/models', { headers: { host: 'localhost', origin } });
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('vary')).toBe('Origin');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    const preflight = await app.request('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: { host: 'localhost', origin, 'access-control-request-headers': 'authorization,content-type' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    const plain = await app.request('/v1/models', { headers: { host: 'localhost' } });
    expect(plain.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('reads a host name in one spelling', () => {
    expect(hostnameOf('127.1:80')).toBe('127.0.0.1');
    expect(hostnameOf('::1')).toBe('[::1]');
    expect(hostnameOf('[0:0:0:0:0:0:0:1]:80')).toBe('[::1]');
    expect(hostnameOf('a b')).toBeUndefined();
    expect(() => new HostGuard([]).check(undefined, undefined)).toThrow(
      expect.objectContaining({ code: 'HOST_NOT_ALLOWED' }),
    );
  });
});

describe('API key', () => {
  const keyed = () => served(undefined, { keys: testKeys('sesame') }).app;

  it.each([undefined, 'sesame', 'Bearer', 'Bearer wrong', 'Bearer sesame2', 'Basic sesame'])(
    'refuses %s',
    async (authorization) => {
      const app = keyed();
      const headers: HeadersInit = authorization === undefined ? {} : { authorization };
      const response = await post(app, '/v1/chat/completions', chatBody(), headers);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      const { error } = await answerOf(response);
      expect([response.status, error]).toMatchObject([
        401,
        { code: 'REQUEST_UNAUTHORIZED', type: 'authentication_error' },
      ]);
      expect((await app.request('/v1/models', { headers })).status).toBe(401);
      expect((await app.request('/nowhere', { headers })).status).toBe(401);
    },
  );

  it('takes the right one', async () => {
    const response = await post(keyed(), '/v1/chat/completions', chatBody(), {
      authorization: 'Bearer sesame',
    });
    expect(response.status).toBe(200);
  });

  it('is not wanted for the health check', async () => {
    expect((await keyed().request('/health')).status).toBe(200);
    expect((await keyed().request('/')).status).toBe(200);
  });
});

describe('every answer', () => {
  it.each(['/', '/health', '/v1/models', '/nowhere'])('of %s has the security headers', async (path) => {
    const { headers } = await served().app.request(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('leaves a header that a page sets for itself', async () => {
    const page: Handler = (hono) =>
      hono.html('hello', 200, { 'content-security-policy': "default-src 'self'" });
    const routes = { page: { '/page': { GET: page } } };
    const response = await served(undefined, { routes }).app.request('/page');
    expect(response.headers.get('content-security-policy')).toBe("default-src 'self'");
    expect(response.headers.get('x-frame-options')).toBe('DENY');
  });
});
