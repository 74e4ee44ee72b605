import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { inTheClear, house } from '../http/every-route.ts';

const headers = { host: '192.168.1.20:11500' };

it('explains, without a script, how each system comes to trust the authority', async () => {
  const home = await house();
  const response = await home.app.request('/trust', { headers }, inTheClear);
  const html = await response.text();
  for (const system of ['iPhone', 'Android', 'macOS', 'Windows', 'Linux']) expect(html).toContain(system);
  expect(html).toMatch(/([\dA-F]{2}:){31}[\dA-F]{2}/);
  expect(html).toContain('https://192.168.1.20:11500/');
  expect(html).toContain('<svg');
  expect(html).not.toMatch(/<script|javascript:|<link|url\(/);
  const [, style] = /<style>([\s\S]*?)<\/style>/.exec(html)!;
  const policy = response.headers.get('content-security-policy');
  expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style!).digest('base64')}'`);
  expect(policy).toContain("default-src 'none'");
  await home.close();
});

it('hands out the certificate of the authority, and no key', async () => {
  const home = await house();
  const response = await home.app.request('/trust/hearth-authority.crt', { headers }, inTheClear);
  expect(response.headers.get('content-type')).toBe('application/x-x509-ca-cert');
  const text = await response.text();
  expect(text).toMatch(/^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\n$/);
  expect(text).not.toContain('PRIVATE');
  await home.close();
});
