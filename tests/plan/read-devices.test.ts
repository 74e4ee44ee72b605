import { describe, expect, test } from 'vitest';
import { readDevices } from '../../runtime/plan/read-devices.ts';
import { typicalDevices } from '../../runtime/plan/typical-devices.ts';
import { device, link } from '../support/plan.ts';

describe('a list of devices', () => {
  test('is profiles as they are', () => {
    const gpu = {
      name: 'Radeon RX 580',
      memoryBytes: 4e9,
      syncMs: 0.25,
      kernels: { Q4_0: { decodeBytesPerSecond: 5e10, prefillFlopsPerSecond: 9e11 } },
    };
    const devices = [device({ gpu }), device({ name: 'other', link: link(2, 5e6, 9) })];
    const written = devices.map((one) => ({ ...one, link: one.link ?? null }));
    expect(readDevices(JSON.parse(JSON.stringify(written)))).toEqual(devices);
  });

  test('may say what a device is like, and what it is not', () => {
    const [phone, own] = readDevices([
      { name: 'mine', like: 'phone', memoryBytes: 3e9 },
      { like: 'laptop', link: null },
    ]);
    expect(phone).toEqual({ ...typicalDevices.phone, name: 'mine', memoryBytes: 3e9 });
    expect(own).toEqual({ ...typicalDevices.laptop, link: undefined });
  });

  test.each<[unknown, RegExp]>([
    [{}, /must be a list of 1 to 64 devices/],
    [[], /must be a list/],
    [[7], /device 1 must be an object/],
    [[{ like: 'toaster' }], /device 1: like must be one of desktop, laptop/],
    [[{ like: 'phone', name: '' }], /device 1: name/],
    [[{ name: 'x' }], /device 1 \("x"\): threads must be a number|kernels must be an object/],
    [[{ like: 'phone', memoryBytes: 0 }], /memoryBytes must be more than 0/],
    [[{ like: 'phone', memoryBytes: '1GB' }], /memoryBytes must be a number/],
    [[{ like: 'phone', kernels: {} }], /kernels must have one weight type/],
    [[{ like: 'phone', kernels: { Q9: {} } }], /"Q9", which is no weight type/],
    [[{ like: 'phone', kernels: { Q4_0: 1 } }], /kernels.Q4_0 must be an object/],
    [[{ like: 'phone', gpu: { memoryBytes: 1e9, syncMs: 1 } }], /gpu: kernels must be an object/],
    [[{ like: 'phone', gpu: { memoryBytes: 0 } }], /gpu: memoryBytes must be more than 0/],
    [[{ like: 'phone', link: { rttMs: -1 } }], /link: rttMs must be a number of 0 or more/],
    [[{ like: 'phone', link: { rttMs: 1 } }], /link: upBytesPerSecond/],
  ])('is refused if it is %j', (value, message) => {
    expect(() => readDevices(value)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });
});
