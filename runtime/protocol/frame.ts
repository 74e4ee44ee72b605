import { assert, HearthError } from '../error.ts';

/** A frame is one binary message of a link: this many header bytes, then its payload. */
export const frameHeaderBytes = 16;

/** Numbers of the frame types. A number is never given a second meaning. */
export const frameTypeNumbers = {
  control: 1,
  tile: 2,
  step: 3,
  partial: 4,
  sum: 5,
  logits: 6,
  spans: 7,
  residual: 8,
  kv: 9,
} as const;
export type FrameType = keyof typeof frameTypeNumbers;

/** Flag of a partial or a sum: the coarse plane follows the fine one. */
export const coarseFlag = 1;
/** Flag of a step: sums that no other rank needs are to be sent as well, so that somebody can compute them again. */
export const showSumsFlag = 1;
/** Flag of the last logits frame, and of the last spans frame, that a rank sends in a step. */
export const lastFlag = 1;

/** What a field of the header means depends on the type; a field that the type does not use is 0. */
export interface FrameHeader {
  readonly type: FrameType;
  readonly flags: number;
  /**
   * Control: message number. Step: sequences. Partial and sum: sync index. Residual: the layer that it enters. Logits:
   * parts. Spans: thread. KV: slot.
   */
  readonly index: number;
  /** Tile: tile id. All others but control: step id. */
  readonly id: number;
  /**
   * Tile: configuration id. Step: tokens. Partial, sum and residual: a micro-batch, as `packTokens` writes it. Logits:
   * which wanted row, from 0. Spans: how many are missing. KV: page of the slot.
   */
  readonly rows: number;
}

export interface Frame extends FrameHeader {
  /** A view into the message that was decoded. */
  readonly payload: Uint8Array;
}

/** Largest payloads that are read, in bytes. */
export interface FrameLimits {
  /** Control and spans frames. */
  readonly controlBytes: number;
  readonly tileBytes: number;
  /** Step, partial, sum, residual, logits and KV frames. */
  readonly tensorBytes: number;
}

export const defaultFrameLimits: FrameLimits = {
  controlBytes: 1 << 20,
  tileBytes: (64 << 20) + 32,
  tensorBytes: 64 << 20,
};

/** Until a peer has proved that it knows the secret, it may send small control frames only. */
export const handshakeFrameLimits: FrameLimits = { controlBytes: 1 << 14, tileBytes: 0, tensorBytes: 0 };

/** On a link for tiles. */
export const tileLinkFrameLimits: FrameLimits = {
  controlBytes: handshakeFrameLimits.controlBytes,
  tileBytes: defaultFrameLimits.tileBytes,
  tensorBytes: 0,
};

/** Bytes of the longest message that passes these limits: a WebSocket's `maxPayload`. */
export function largestFrameBytes(limits: FrameLimits): number {
  return frameHeaderBytes + Math.max(limits.controlBytes, limits.tileBytes, limits.tensorBytes);
}

/** The flags and header fields that a type uses. */
const uses: Readonly<Record<FrameType, { flags: number; index: boolean; id: boolean; rows: boolean }>> = {
  control: { flags: 0, index: true, id: false, rows: false },
  tile: { flags: 0, index: false, id: true, rows: true },
  step: { flags: showSumsFlag, index: true, id: true, rows: true },
  partial: { flags: coarseFlag, index: true, id: true, rows: true },
  sum: { flags: coarseFlag, index: true, id: true, rows: true },
  logits: { flags: lastFlag, index: true, id: true, rows: true },
  spans: { flags: lastFlag, index: true, id: true, rows: true },
  residual: { flags: 0, index: true, id: true, rows: true },
  kv: { flags: 0, index: true, id: true, rows: true },
};

const typesByNumber: ReadonlyMap<number, FrameType> = new Map(
  (Object.keys(frameTypeNumbers) as FrameType[]).map((type) => [frameTypeNumbers[type], type]),
);

/** Which tokens of a step: the first one's number in the upper 16 bits, how many they are in the lower. */
export function packTokens({ first, tokens }: { readonly first: number; readonly tokens: number }): number {
  assert(first < 1 << 16 && tokens < 1 << 16, 'tokens of one step', first, tokens);
  return first * 2 ** 16 + tokens;
}

/** @param payload the payload's pieces, copied one after another into a buffer of their own */
export function encodeFrame(header: FrameHeader, ...payload: readonly Uint8Array[]): Uint8Array {
  const payloadBytes = payload.reduce((sum, piece) => sum + piece.length, 0);
  const frame = new Uint8Array(frameHeaderBytes + payloadBytes);
  const view = new DataView(frame.buffer);
  view.setUint8(0, frameTypeNumbers[header.type]);
  view.setUint8(1, header.flags);
  view.setUint16(2, header.index, true);
  view.setUint32(4, header.id, true);
  view.setUint32(8, header.rows, true);
  view.setUint32(12, payloadBytes, true);
  let offset = frameHeaderBytes;
  for (const piece of payload) {
    frame.set(piece, offset);
    offset += piece.length;
  }
  return frame;
}

/**
 * Reads one message. Whatever the bytes are, the outcome is a frame or an error.
 * @throws HearthError FRAME_TRUNCATED, FRAME_MALFORMED, FRAME_TOO_LARGE
 */
export function decodeFrame(message: Uint8Array, limits: FrameLimits): Frame {
  if (message.length < frameHeaderBytes) throw truncated(message.length, frameHeaderBytes);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const number = view.getUint8(0);
  const type = typesByNumber.get(number);
  if (!type) throw malformed(`frame type ${number} is unknown`);
  const header: FrameHeader = {
    type,
    flags: view.getUint8(1),
    index: view.getUint16(2, true),
    id: view.getUint32(4, true),
    rows: view.getUint32(8, true),
  };
  checkUnused(header);
  const payloadBytes = view.getUint32(12, true);
  const limitBytes = payloadLimit(type, limits);
  if (payloadBytes > limitBytes) {
    throw new HearthError(
      'FRAME_TOO_LARGE',
      `a ${type} frame of ${payloadBytes} bytes is over the limit of ${limitBytes}`,
      { type, payloadBytes, limitBytes },
    );
  }
  const presentBytes = message.length - frameHeaderBytes;
  if (presentBytes < payloadBytes) throw truncated(message.length, frameHeaderBytes + payloadBytes);
  if (presentBytes > payloadBytes)
    throw malformed(`${presentBytes - payloadBytes} bytes follow a ${type} frame`);
  // Not `subarray`: of a Node Buffer that is a Buffer, whose `slice` does not copy.
  return {
    ...header,
    payload: new Uint8Array(message.buffer, message.byteOffset + frameHeaderBytes, payloadBytes),
  };
}

function payloadLimit(type: FrameType, limits: FrameLimits): number {
  if (type === 'control' || type === 'spans') return limits.controlBytes;
  return type === 'tile' ? limits.tileBytes : limits.tensorBytes;
}

function checkUnused(header: FrameHeader): void {
  const used = uses[header.type];
  if ((header.flags & ~used.flags) !== 0)
    throw malformed(`a ${header.type} frame has no flags ${header.flags}`);
  for (const field of ['index', 'id', 'rows'] as const) {
    if (!used[field] && header[field] !== 0)
      throw malformed(`a ${header.type} frame has no ${field}, got ${header[field]}`);
  }
}

function truncated(presentBytes: number, expectedBytes: number): HearthError {
  return new HearthError(
    'FRAME_TRUNCATED',
    `a frame of ${expectedBytes} bytes or more ends after ${presentBytes}`,
    { presentBytes, expectedBytes },
  );
}

export function malformed(message: string): HearthError {
  return new HearthError('FRAME_MALFORMED', message);
}

export function unexpected(message: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message);
}
