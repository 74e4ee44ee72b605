import type { ErrorCode } from '../error.ts';

/** The link ended as intended. */
export const normalClose = 1000;

/**
 * WebSocket close codes by what ended the link. Browsers may send 1000 and 3000 to 4999 only; the last three
 * digits follow HTTP's statuses. What is not listed closes with 4500.
 */
const closeCodes: Partial<Readonly<Record<ErrorCode, number>>> = {
  FRAME_MALFORMED: 4400,
  JOIN_REFUSED: 4401,
  HANDSHAKE_FAILED: 4402,
  DEVICE_NOT_PAIRED: 4403,
  SESSION_UNKNOWN: 4404,
  COORDINATOR_UNKNOWN: 4406,
  LINK_TIMEOUT: 4408,
  PROTOCOL_UNEXPECTED_MESSAGE: 4409,
  FRAME_TOO_LARGE: 4413,
  FRAME_REPLAYED: 4419,
  FRAME_MISSING: 4420,
  FRAME_FORGED: 4421,
  FRAME_TRUNCATED: 4422,
  TILE_CORRUPT: 4423,
  PROTOCOL_VERSION_MISMATCH: 4426,
  SERVER_BUSY: 4503,
  MEMORY_EXHAUSTED: 4507,
};

export function closeCodeOf(code: ErrorCode): number {
  return closeCodes[code] ?? 4500;
}

/** A close reason: WebSocket allows 123 bytes of UTF-8. */
export function closeReasonOf(message: string): string {
  const ascii = message.replaceAll(/[^\x20-\x7e]/g, '?');
  return ascii.length <= 123 ? ascii : `${ascii.slice(0, 120)}...`;
}
