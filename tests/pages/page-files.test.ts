import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PageFiles } from '../../coordinator/http/page-files.ts';
import { served, testKeys } from '../http/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'hearth-page-'));
const app = new Hono();

beforeAll(() => {
  mkdirSync(join(folder, 'page', 'assets'), { recursive: true });
  const write = (path: string, text: string) => {
    writeFileSync(join(folder, path), text);
    writeFileSync(join(folder, `${path}.br`), brotliCompressSync(text));
    writeFileSync(join(folder, `${path}.gz`), gzipSync(text));
  };
  write('page/index.html', '<!doctype html>');
  write('page/assets/main-ABC.js', 'run();'.repeat(100));
  writeFileSync(join(folder, 'secret.js'), 'secret');
  const files = new PageFiles(join(folder, 'page'));
  app.get('/p/:path{.*}', (hono) => files.answer(hono, hono.req.param('path')));
  app.onError((error) => new Response(error.message, { status: 404 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

const get = (path: string, headers: HeadersInit = {}) => app.request(`/p/${path}`, { headers });

describe('a page’s files', () => {
  it('come in the smallest encoding that is taken', async () => {
    const encoding = async (accepted: string) =>
      (await get('assets/main-ABC.js', { 'accept-encoding': accepted })).headers.get('content-encoding');
    expect(await encoding('gzip, deflate, br')).toBe('br');
    expect(await encoding('gzip;q=1.0')).toBe('gzip');
    expect(await encoding('')).toBe(null);
    expect(await (await get('assets/main-ABC.js')).text()).toBe('run();'.repeat(100));
  });

  it('stay for ever only where their name has their hash', async () => {
    expect((await get('assets/main-ABC.js')).headers.get('cache-control')).toContain('immutable');
    const page = await get('');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const again = await get('', { 'if-none-match': page.headers.get('etag')! });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('are under a policy that allows nothing from elsewhere', async () => {
    const policy = (await get('')).headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|http|\*/);
  });

  it.each([
    'nothing.js',
    '../secret.js',
    '..%2fsecret.js',
    'assets/',
    'assets/main-ABC.js.br',
    'index.html/',
  ])('%s is none', async (path) => {
    expect((await get(path)).status).toBe(404);
  });
});

describe('the address alone', () => {
  it('leads people to the page, also where a key is wanted, and tells programs where the API is', async () => {
    const { app: api } = served(undefined, { keys: testKeys('key') });
    const browser = await api.request('/', { headers: { accept: 'text/html,*/*' } });
    expect([browser.status, browser.headers.get('location')]).toEqual([302, '/chat/']);
    expect(await (await api.request('/')).text()).toContain('/v1');
    expect((await api.request('/chat')).headers.get('location')).toBe('/chat/');
    expect((await api.request('/join')).headers.get('location')).toBe('/join/');
    for (const closed of [
      '/chatter',
      '/joiner',
      '/api/conversations',
      '/v1/models',
      '/chat/../v1/models',
      '//chat/',
    ])
      expect((await api.request(closed)).status, closed).toBe(401);
  });
});
