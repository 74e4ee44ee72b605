import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimit } from '../../coordinator/access/rate-limit.ts';
import { errorOf } from './fixtures.ts';
import { type House, house, inTheClear, overTls, ownerKey, type Route, routesOf } from './every-route.ts';

const generous = { burst: 1e6, perSecond: 1e6 };
let home: House;
let all: Route[];

beforeAll(async () => {
  home = await house({ requests: new RateLimit(generous), failures: new RateLimit(generous) });
  all = routesOf(home.app);
});
afterAll(() => home.close());

const host = '192.168.1.20:11500';
const bearer = (key: string) => ({ host, authorization: `Bearer ${key}` });
const cookie = (token: string, name = '__Host-hearth-11500') => ({ host, cookie: `${name}=${token}` });

/** A redirection has none. */
async function codeOf(response: Response): Promise<readonly [number, string | undefined]> {
  const [status, code] = await errorOf(response).catch(() => [response.status, undefined] as const);
  return [status, code];
}

async function answers(
  headers: Record<string, string>,
  env: object = overTls,
  routes: readonly Route[] = all,
): Promise<Record<string, (number | string | undefined)[]>> {
  const found: Record<string, (number | string | undefined)[]> = {};
  for (const { method, path } of routes) {
    const response = await home.app.request(path, { method, headers }, env);
    // What is no error may have no end.
    const [status, code] = response.ok ? [response.status, undefined] : await codeOf(response.clone());
    found[`${method} ${path}`] = [status, code];
    await response.body?.cancel();
  }
  return found;
}

/** Each of these routes gives one answer. */
function same(routes: readonly Route[], status: number, code: string) {
  return Object.fromEntries(routes.map(({ method, path }) => [`${method} ${path}`, [status, code]]));
}

const opens = /^GET \/(health|trust.*|join.*)$/;
const pages = /^(GET \/((chat|devices).*)?|\w+ \/session)$/;
const owners = /\/v1\/cluster\/(pairing|devices\/)/;
const named = ({ method, path }: Route): string => `${method} ${path}`;
const keyed = () => all.filter((route) => !opens.test(named(route)) && !pages.test(named(route)));
const ofOwners = () => all.filter((route) => owners.test(named(route)));

describe('every route', () => {
  it('is looked at', () => {
    expect(all.length).toBeGreaterThan(25);
    expect(keyed().length).toBeGreaterThan(18);
    expect(ofOwners()).toHaveLength(4);
  });

  it('refuses a name that was pointed here', async () => {
    for (const foreign of ['attacker.example', 'attacker.example:11500', '192.168.1.20.attacker.example'])
      expect(await answers({ ...bearer(ownerKey), host: foreign })).toEqual(
        same(all, 403, 'HOST_NOT_ALLOWED'),
      );
  });

  it('refuses pages of others, also of the same address, and a page without an origin', async () => {
    const origins = ['https://attacker.example', 'http://192.168.1.20:3000', 'https://192.168.1.20', 'null'];
    for (const origin of origins) {
      const refused = await answers({ ...bearer(ownerKey), origin });
      expect(refused).toEqual(same(all, 403, 'ORIGIN_NOT_ALLOWED'));
    }
  });

  it('wants a key, unless it tells nothing', async () => {
    expect(await answers({ host }, overTls, keyed())).toEqual(same(keyed(), 401, 'REQUEST_UNAUTHORIZED'));
    expect(await answers(bearer('wrong'), overTls, keyed())).toEqual(
      same(keyed(), 401, 'REQUEST_UNAUTHORIZED'),
    );
  });

  it('refuses a session that was revoked, and takes it before', async () => {
    const { token, name } = home.keys.openSession({ name: 'x', scope: 'admin' }, 'iPhone');
    const before = await answers(cookie(token), overTls, keyed());
    expect(Object.values(before).filter(([status]) => status === 401 || status === 403)).toEqual([]);
    home.keys.remove(name);
    expect(await answers(cookie(token), overTls, keyed())).toEqual(same(keyed(), 401, 'SESSION_ENDED'));
  });

  it('takes a session from its own pages alone', async () => {
    const { token } = home.keys.openSession({ name: 'x', scope: 'admin' }, 'iPhone');
    const models = [{ method: 'GET', path: '/v1/models' }];
    const of = async (headers: object) =>
      Object.values(await answers({ ...cookie(token), ...headers }, overTls, models))[0]![0];
    expect(await of({ origin: `https://${host}` })).toBe(200);
    // A page that came unencrypted from this address could be anybody's.
    expect(await of({ origin: `http://${host}` })).toBe(401);
    const local = { host: 'localhost:11500', cookie: `hearth-11500=${token}` };
    const here = { incoming: { socket: { remoteAddress: '127.0.0.1', localPort: 11500 } } };
    const at = async (origin: string) =>
      (await home.app.request('/v1/models', { headers: { ...local, origin } }, here)).status;
    expect(await at('http://localhost:11500')).toBe(200);
    expect(await at('http://localhost:3000')).toBe(401);
  });

  it('of the owner refuses a key for chats', async () => {
    const key = home.keys.add('guest', 'chat');
    expect(await answers(bearer(key), overTls, ofOwners())).toEqual(same(ofOwners(), 403, 'SCOPE_MISSING'));
    expect((await answers(bearer(key)))['GET /v1/models']![0]).toBe(200);
    home.keys.remove('guest');
    expect((await answers(bearer(key)))['GET /v1/models']).toEqual([401, 'REQUEST_UNAUTHORIZED']);
  });

  it('wants TLS of other machines, unless it is what leads there', async () => {
    const closed = all.filter((route) => !opens.test(named(route)));
    expect(await answers(bearer(ownerKey), inTheClear, closed)).toEqual(same(closed, 403, 'TLS_REQUIRED'));
    const page = await home.app.request('/chat/', { headers: { host, accept: 'text/html' } }, inTheClear);
    expect([page.status, page.headers.get('location')]).toEqual([302, '/trust']);
    expect((await home.app.request('/trust', { headers: { host } }, inTheClear)).status).toBe(200);
  });

  it('takes unencrypted requests where somebody said so', async () => {
    const plain = await house({ plainHttp: true });
    const response = await plain.app.request('/v1/models', { headers: bearer(ownerKey) }, inTheClear);
    expect(response.status).toBe(200);
    await plain.close();
  });

  it('has none of the files around it', async () => {
    const climbs = [
      '../../../etc/passwd',
      '..%2f..%2f..%2fetc%2fpasswd',
      '%2e%2e/%2e%2e/package.json',
      '%00',
    ];
    for (const { method, path } of all.filter((route) => route.path.includes('some-'))) {
      for (const climb of climbs) {
        const target = path.replace(/some-\w+/, climb);
        const response = await home.app.request(target, { method, headers: bearer(ownerKey) }, overTls);
        expect([response.status, target], await response.text()).toEqual([
          expect.toBeOneOf([400, 404]),
          target,
        ]);
      }
    }
    expect(home.errors).toEqual([]);
  });
});

describe('whoever comes too often', () => {
  it('with wrong keys is told to wait, and from elsewhere one may come', async () => {
    const slow = await house();
    const from = (remoteAddress: string, key: string) =>
      slow.app.request(
        '/v1/models',
        { headers: bearer(key) },
        {
          incoming: { socket: { remoteAddress, localPort: 11500, encrypted: true } },
        },
      );
    for (let i = 0; i < 10; i += 1) expect((await from('192.168.1.66', `guess-${i}`)).status).toBe(401);
    const refused = await from('192.168.1.66', ownerKey);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(refused)).toEqual([429, 'RATE_LIMITED', null]);
    expect((await from('192.168.1.67', ownerKey)).status).toBe(200);
    await slow.close();
  });

  it('with one key is told to wait, and others are not', async () => {
    const slow = await house({ requests: new RateLimit({ burst: 5, perSecond: 0.01 }) });
    const guest = slow.keys.add('guest', 'chat');
    const here = { incoming: { socket: { remoteAddress: '127.0.0.1', localPort: 11500 } } };
    const by = async (key: string) =>
      (await slow.app.request('/v1/models', { headers: bearer(key) }, here)).status;
    for (let i = 0; i < 5; i += 1) expect(await by(guest)).toBe(200);
    expect(await by(guest)).toBe(429);
    expect(await by(ownerKey)).toBe(200);
    await slow.close();
  });
});

describe('a link', () => {
  it('is exchanged for a cookie that scripts and other sites do not get', async () => {
    const opened = await home.app.request(
      '/session',
      {
        method: 'POST',
        headers: { ...bearer(home.keys.invitation), 'user-agent': 'Mozilla/5.0 (iPad; CPU)' },
      },
      overTls,
    );
    expect(await opened.json()).toMatchObject({ name: 'iPad', scope: 'chat' });
    const set = opened.headers.get('set-cookie')!;
    for (const word of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/', '__Host-hearth-11500='])
      expect(set).toContain(word);
    const token = /=([\w-]+);/.exec(set)![1]!;
    const models = [{ method: 'GET', path: '/v1/models' }];
    expect(await answers(cookie(token), overTls, models)).toEqual({ 'GET /v1/models': [200, undefined] });
    const closed = await home.app.request('/session', { method: 'DELETE', headers: cookie(token) }, overTls);
    expect(closed.headers.get('set-cookie')).toContain('Max-Age=0');
    expect(await answers(cookie(token), overTls, models)).toEqual(same(models, 401, 'SESSION_ENDED'));
  });
});
