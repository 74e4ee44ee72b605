import { encodeFrame, type Frame, malformed } from './frame.ts';

/** A full page of a slot's positions, of all KV heads of one attention tile. */
export interface KvPage {
  readonly slot: number;
  /** Positions [64 × page, 64 × (page + 1)). */
  readonly page: number;
  readonly tileId: number;
  /** Head by head, as they lie in memory. */
  readonly heads: readonly Uint8Array[];
}

const tileIdBytes = 4;

/** @param stepId that filled it; 0 on the way to a device */
export function encodeKvPage(stepId: number, { slot, page, tileId, heads }: KvPage): Uint8Array {
  const id = new Uint8Array(tileIdBytes);
  new DataView(id.buffer).setUint32(0, tileId, true);
  return encodeFrame({ type: 'kv', flags: 0, index: slot, id: stepId, rows: page }, id, ...heads);
}

/** @returns with all heads in one piece, a view into the message @throws HearthError FRAME_MALFORMED */
export function decodeKvPage({ index: slot, rows: page, payload }: Frame): KvPage {
  if (payload.length <= tileIdBytes) throw malformed('a kv frame is shorter than its tile id and a page');
  const tileId = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return { slot, page, tileId, heads: [payload.subarray(tileIdBytes)] };
}
