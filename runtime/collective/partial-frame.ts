import { HearthError } from '../error.ts';
import { coarseFlag, encodeFrame, type Frame, malformed, packTokens } from '../protocol/frame.ts';
import type { PlaneCodec, Planes } from './plane-codec.ts';

/** Which sync of which step a frame belongs to, and to which micro-batch of it. */
export interface SyncPoint {
  readonly stepId: number;
  readonly syncIndex: number;
  /** The micro-batch's first token in the step, and how many it has. */
  readonly first: number;
  readonly tokens: number;
}

/** A partial or a sum: the fine plane, then the coarse one if it is used. */
export function encodePlanes(
  type: 'partial' | 'sum',
  { stepId, syncIndex, ...tokens }: SyncPoint,
  { fine, coarse, coarseUsed }: Planes,
  codec: Pick<PlaneCodec, 'pack'>,
): Uint8Array {
  const header = {
    type,
    flags: coarseUsed ? coarseFlag : 0,
    index: syncIndex,
    id: stepId,
    rows: packTokens(tokens),
  };
  if (!coarseUsed) return encodeFrame(header, codec.pack(fine));
  return encodeFrame(header, codec.pack(fine), codec.pack(coarse));
}

/**
 * Checks that a frame belongs to this sync.
 * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE
 */
export function checkSyncPoint(frame: Frame, expected: SyncPoint): void {
  const { stepId, syncIndex, first, tokens } = expected;
  if (frame.id === stepId && frame.index === syncIndex && frame.rows === packTokens(expected)) return;
  throw new HearthError(
    'PROTOCOL_UNEXPECTED_MESSAGE',
    `a ${frame.type} of step ${frame.id}, sync ${frame.index}, rows ${frame.rows} came where step ${stepId}, ` +
      `sync ${syncIndex}, ${tokens} tokens from ${first} on were due`,
    { stepId, syncIndex },
  );
}

/**
 * Puts a frame's planes in place of the target's.
 * @throws HearthError FRAME_MALFORMED
 */
export function replacePlanes(target: Planes, frame: Frame, codec: PlaneCodec): void {
  let usedBytes = codec.unpack(frame.payload, target.fine);
  const coarse = (frame.flags & coarseFlag) !== 0;
  if (coarse) usedBytes += codec.unpack(frame.payload.subarray(usedBytes), target.coarse);
  else if (target.coarseUsed) target.coarse.fill(0);
  target.coarseUsed = coarse;
  checkAllUsed(frame, usedBytes);
}

/**
 * Adds a frame's planes to the target's.
 * @throws HearthError FRAME_MALFORMED
 */
export function addPlanes(target: Planes, frame: Frame, codec: PlaneCodec): void {
  let usedBytes = codec.unpackAdd(frame.payload, target.fine);
  if ((frame.flags & coarseFlag) !== 0) {
    const rest = frame.payload.subarray(usedBytes);
    usedBytes += target.coarseUsed ? codec.unpackAdd(rest, target.coarse) : codec.unpack(rest, target.coarse);
    target.coarseUsed = true;
  }
  checkAllUsed(frame, usedBytes);
}

function checkAllUsed({ type, payload }: Frame, usedBytes: number): void {
  if (usedBytes !== payload.length)
    throw malformed(`${payload.length - usedBytes} bytes follow a ${type}'s planes`);
}
