import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Pairing } from '../../coordinator/pairing/pairing.ts';
import { pairingFile } from '../../coordinator/pairing/pairing-file.ts';
import { DeviceKeys } from '../../device-agent/node/device-keys.ts';

let folder: string;
beforeEach(() => (folder = join(mkdtempSync(join(tmpdir(), 'hearth-pairing-')), 'keys')));
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const fileOf = (): string => join(folder, readdirSync(folder)[0]!);
const device = (name: string, byte: number) => ({
  name,
  publicKey: new Uint8Array(32).fill(byte),
  pairedAt: new Date(1000),
});

describe.each([
  ['a coordinator', () => pairingFile(folder).read().identity],
  ['a device', () => new DeviceKeys('Küche/2', folder).own],
])('the key of %s', (_, open) => {
  it('is made once, and nobody else may read it', () => {
    const key = open();
    expect(open()).toEqual(key);
    expect([modeOf(folder), modeOf(fileOf())]).toEqual([0o700, 0o600]);
    expect(readdirSync(folder)).toHaveLength(1);
    chmodSync(fileOf(), 0o644);
    open();
    expect(modeOf(fileOf())).toBe(0o600);
  });

  it.each(['', '{', '{}', '{"privateKey":"AA","devices":[],"coordinators":[]}'])(
    'is not guessed from %j',
    (text) => {
      open();
      writeFileSync(fileOf(), text);
      expect(open).toThrow(expect.objectContaining({ code: 'FILE_READ_FAILED' }));
      expect(readFileSync(fileOf(), 'utf8')).toBe(text);
    },
  );
});

describe('a device', () => {
  it('remembers whom it has joined, the last one first', () => {
    const keys = new DeviceKeys('den', folder);
    const [one, two] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array];
    expect([keys.lastUrl, keys.knows(one)]).toEqual([undefined, false]);
    keys.remember(one, 'ws://one');
    keys.remember(two, 'ws://two');
    keys.remember(one, 'ws://moved');
    const again = new DeviceKeys('den', folder);
    expect([again.lastUrl, again.knows(one), again.knows(two)]).toEqual(['ws://moved', true, true]);
    expect(modeOf(fileOf())).toBe(0o600);
  });

  it('of another name is another', () => {
    const [den, kitchen] = ['den', 'kitchen'].map((name) => new DeviceKeys(name, folder));
    expect(den!.own).not.toEqual(kitchen!.own);
  });
});

describe('the list of devices', () => {
  it('outlives its coordinator, and says what the file does', () => {
    const pairing = new Pairing(pairingFile(folder));
    pairing.add(device('phone', 1));
    pairing.add(device('laptop', 2));
    pairing.add(device('phone', 3));
    const again = new Pairing(pairingFile(folder));
    expect(again.devices).toEqual(pairing.devices);
    expect(again.devices.map(({ name }) => name)).toEqual(['phone', 'laptop', 'phone']);
    expect(again.revoke('phone')).toHaveLength(2);
    expect(pairing.knows(device('phone', 1).publicKey)).toBe(false);
    expect(pairing.knows(device('laptop', 2).publicKey)).toBe(true);
    expect(modeOf(fileOf())).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['coordinator.json']);
  });

  it('has an end', () => {
    const pairing = new Pairing(pairingFile(folder));
    const devices = Array.from({ length: 256 }, (_, i) => device(`${i}`, i));
    pairingFile(folder).write({ identity: pairing.identity, devices });
    const another = { ...device('too many', 0), publicKey: new Uint8Array(32).fill(1).fill(2, 16) };
    expect(() => pairing.add(another)).toThrow(/revoke/);
    pairing.add(device('again', 7));
    expect(pairing.devices).toHaveLength(256);
  });
});

describe('a secret', () => {
  it('is another each time, and of 128 bits or more', () => {
    const secrets = [1, 2].map(() => new Pairing(pairingFile(folder)).secret);
    expect(secrets[0]).not.toBe(secrets[1]);
    expect(secrets[0]).toMatch(/^[\w-]{24}$/);
  });

  it('that could be guessed is not taken', () => {
    expect(() => new Pairing(pairingFile(folder), 'hearth')).toThrow(/could be guessed/);
  });
});
