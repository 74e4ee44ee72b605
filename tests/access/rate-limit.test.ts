import { expect, it } from 'vitest';
import { RateLimit } from '../../coordinator/access/rate-limit.ts';
import { addressBytes, networkOf } from '../../coordinator/ip-address.ts';

function limited(options: { burst: number; perSecond: number }) {
  const clock = { nowMs: 0 };
  return { clock, limit: new RateLimit({ ...options, nowMs: () => clock.nowMs }) };
}

const refusal = (retryAfterSeconds: number) =>
  expect.objectContaining({ code: 'RATE_LIMITED', fields: { retryAfterSeconds } });

it('lets a burst through, then so many a second, and says when to come back', () => {
  const { clock, limit } = limited({ burst: 3, perSecond: 0.5 });
  for (let i = 0; i < 3; i += 1) limit.take('a');
  expect(() => limit.take('a')).toThrow(refusal(2));
  limit.take('b');
  clock.nowMs = 1_000;
  expect(() => limit.take('a')).toThrow(refusal(1));
  clock.nowMs = 2_000;
  limit.take('a');
  expect(() => limit.take('a')).toThrow(refusal(2));
  clock.nowMs = 1e9;
  for (let i = 0; i < 3; i += 1) limit.take('a');
  expect(() => limit.take('a')).toThrow(refusal(2));
});

it('remembers no more than so many', () => {
  const { limit } = limited({ burst: 1, perSecond: 0.001 });
  limit.take('first');
  limit.take('second');
  for (let i = 0; i < 4094; i += 1) limit.take(`other ${i}`);
  // Asking makes it the last again.
  expect(() => limit.check('first')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
  limit.take('one more');
  expect(() => limit.check('first')).toThrow();
  limit.take('second');
});

it.each([
  ['192.168.1.20', '192.168.1.20', [192, 168, 1, 20]],
  ['2001:db8:1:2:3:4:5:6', '20010db800010002', [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]],
  ['fe80::1%eth0', 'fe80000000000000', [0xfe, 0x80, ...Array(13).fill(0), 1]],
  ['::1', '0000000000000000', [...Array(15).fill(0), 1]],
  ['::ffff:10.0.0.1', '0000000000000000', [...Array(10).fill(0), 0xff, 0xff, 10, 0, 0, 1]],
])('counts %s as %s', (address, network, bytes) => {
  expect(networkOf(address)).toBe(network);
  expect([...addressBytes(address)!]).toEqual(bytes);
});

it('takes no name for an address', () => {
  for (const name of ['', 'localhost', '1.2.3', '1.2.3.4.5', 'fe80', '[::1]'])
    expect(addressBytes(name)).toBeUndefined();
});
