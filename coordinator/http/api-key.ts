import { createHash, timingSafeEqual } from 'node:crypto';
import { HearthError } from '../../runtime/error.ts';

/**
 * @param authorization the Authorization header
 * @throws HearthError REQUEST_UNAUTHORIZED unless it brings the key as `Bearer`
 */
export function checkApiKey(authorization: string | undefined, apiKey: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  // Digests have one length, and their comparison takes one time, whatever is guessed.
  if (given !== undefined && timingSafeEqual(digest(given), digest(apiKey))) return;
  throw new HearthError(
    'REQUEST_UNAUTHORIZED',
    'this server wants its API key, sent as "Authorization: Bearer KEY"',
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
