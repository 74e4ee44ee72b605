import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a key lets its holder do: `chat` uses the model and the conversations, `admin` decides who else may. */
export const scopes = ['chat', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** A key as it is kept: whoever reads this cannot use it. */
export interface AccessKey {
  readonly name: string;
  readonly scope: Scope;
  /** Of the key's text, which nobody keeps but its holder. */
  readonly hash: Buffer;
  readonly createdAt: Date;
  /** Of a browser's session; other keys stay until they are removed. */
  readonly expiresAt?: Date;
}

/** 144 random bits, in letters that URLs, cookies and shells take as they are. */
export function newKeyText(): string {
  return randomBytes(18).toString('base64url');
}

/** SHA-256. No slow hash: keys are random, not words that could be tried one after the other. */
export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The key of this hash. All are looked at, each in the same time, whatever is guessed. */
export function keyOfHash<T extends { readonly hash: Buffer }>(
  keys: readonly T[],
  hash: Buffer,
): T | undefined {
  const [found] = keys.filter((key) => timingSafeEqual(key.hash, hash));
  return found;
}
