import type { PartialSum } from '../decoder/step.ts';
import { HearthError } from '../error.ts';
import type { Frame } from '../protocol/frame.ts';
import { addPlanes, checkSyncPoint, replacePlanes, type SyncPoint } from './partial-frame.ts';
import type { PlaneCodec } from './plane-codec.ts';

/**
 * The rank's side of a sync: turns its own partial sums into the sum over all members. Of two each gets the
 * other's partial and adds it, which costs one way through the hub instead of two; of more, each gets the sum.
 * Integer addition makes both the same bits.
 * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED
 */
export function reduceInPlace(
  own: PartialSum,
  point: SyncPoint,
  frame: Frame,
  members: number,
  codec: PlaneCodec,
): void {
  const expected = members === 2 ? 'partial' : 'sum';
  if (frame.type !== expected) {
    throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${frame.type} came where a ${expected} was due`);
  }
  checkSyncPoint(frame, point);
  if (members === 2) addPlanes(own, frame, codec);
  else replacePlanes(own, frame, codec);
}
