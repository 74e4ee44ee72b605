import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keyFile } from '../../coordinator/access/key-file.ts';
import { KeyRing } from '../../coordinator/access/key-ring.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-access-'));
  folders.push(folder);
  return folder;
}

function ring(given?: string, now?: () => Date) {
  const folder = emptyFolder();
  return { folder, path: join(folder, 'api-keys.json'), keys: new KeyRing(keyFile(folder), given, now) };
}

const admin = { name: 'given at the start', scope: 'admin' } as const;

describe('keys', () => {
  it('are found by their text, and nothing else is', () => {
    const { keys } = ring('given');
    const text = keys.add('laptop', 'chat');
    expect(keys.find(text)).toEqual({ name: 'laptop', scope: 'chat' });
    expect(keys.find('given')).toEqual(admin);
    expect(keys.find(keys.invitation)).toEqual({ name: 'invitation', scope: 'chat' });
    for (const wrong of ['', 'laptop', text.slice(1), `${text}x`, text.toUpperCase()])
      expect(keys.find(wrong), wrong).toBeUndefined();
  });

  it('are kept as hashes, in a file that nobody else reads', () => {
    const { keys, path, folder } = ring();
    const text = keys.add('laptop', 'admin');
    const { token } = keys.openSession(admin, 'iPhone');
    expect(readFileSync(path, 'utf8')).not.toContain(text);
    expect(readFileSync(path, 'utf8')).not.toContain(token);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new KeyRing(keyFile(folder)).find(text)).toEqual({ name: 'laptop', scope: 'admin' });
    chmodSync(path, 0o644);
    expect(keys.keys).toHaveLength(2);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('open nothing from the moment on that another process removes them', () => {
    const { keys, folder } = ring();
    const text = keys.add('laptop', 'chat');
    const { token, name } = keys.openSession({ name: 'invitation', scope: 'chat' }, 'Android');
    const other = new KeyRing(keyFile(folder));
    expect(other.remove('laptop')).toBe(true);
    expect(other.remove('laptop')).toBe(false);
    expect(keys.find(text)).toBeUndefined();
    expect(keys.find(token)).toEqual({ name, scope: 'chat' });
    expect(other.remove(name)).toBe(true);
    expect(keys.find(token)).toBeUndefined();
  });

  it('of one name are not made twice, nor without end', () => {
    const { keys } = ring();
    keys.add('laptop', 'chat');
    expect(() => keys.add('laptop', 'admin')).toThrow(expect.objectContaining({ code: 'USAGE' }));
    for (let i = 1; i < 64; i += 1) keys.add(`key ${i}`, 'chat');
    expect(() => keys.add('one more', 'chat')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('that are damaged are said to be', () => {
    const { keys, path } = ring();
    for (const text of [
      '{',
      '{"keys":[]}',
      '{"removals":-1,"keys":[]}',
      '{"removals":0,"keys":[{"name":"x"}]}',
    ]) {
      writeFileSync(path, text);
      expect(() => keys.keys).toThrow(expect.objectContaining({ code: 'FILE_READ_FAILED' }));
    }
  });
});

describe('sessions', () => {
  it('have the rights of the key that they were opened with, and names of their own', () => {
    const { keys } = ring();
    const first = keys.openSession({ name: 'x', scope: 'chat' }, 'iPhone');
    const second = keys.openSession(admin, 'iPhone');
    expect([first.name, second.name]).toEqual(['iPhone', 'iPhone-2']);
    expect(keys.find(first.token)?.scope).toBe('chat');
    expect(keys.find(second.token)?.scope).toBe('admin');
  });

  it('end after ninety days', () => {
    let now = new Date('2026-01-01');
    const { keys } = ring(undefined, () => now);
    const { token, expiresAt } = keys.openSession(admin, 'iPhone');
    now = new Date(expiresAt.getTime() - 1);
    expect(keys.find(token)).toBeDefined();
    now = expiresAt;
    expect(keys.find(token)).toBeUndefined();
    expect(expiresAt).toEqual(new Date('2026-04-01'));
  });

  it('end when the browser says so, which ends no key', () => {
    const { keys } = ring();
    const text = keys.add('laptop', 'chat');
    const { token } = keys.openSession(admin, 'iPhone');
    keys.closeSession(token);
    keys.closeSession(text);
    expect(keys.find(token)).toBeUndefined();
    expect(keys.find(text)).toBeDefined();
  });

  it('are so many at most, and of each kind the oldest goes', () => {
    const { keys } = ring();
    const owner = keys.openSession(admin, 'Macintosh');
    const sessions = Array.from({ length: 70 }, () =>
      keys.openSession({ name: 'x', scope: 'chat' }, 'iPhone'),
    );
    expect(sessions.map(({ token }) => keys.find(token) !== undefined)).toEqual([
      ...Array(6).fill(false),
      ...Array(64).fill(true),
    ]);
    expect(keys.find(owner.token)).toBeDefined();
  });

  it('are opened by an invitation that is another once somebody was removed', () => {
    const { keys } = ring();
    const { invitation } = keys;
    const { name } = keys.openSession({ name: 'invitation', scope: 'chat' }, 'iPhone');
    expect(keys.invitation).toBe(invitation);
    keys.remove(name);
    expect(keys.invitation).not.toBe(invitation);
    expect(keys.find(invitation)).toBeUndefined();
  });
});
