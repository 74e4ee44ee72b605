import { encodeFrame, type Frame, malformed } from './frame.ts';

/** A run of a slot's positions, of all KV heads of one attention tile. */
export interface KvRun {
  readonly slot: number;
  /** Positions [16 × run, 16 × (run + 1)). */
  readonly run: number;
  readonly tileId: number;
  /** Head by head, the parts of their pages in order: `kvRunParts`. */
  readonly heads: readonly Uint8Array[];
}

const tileIdBytes = 4;

/** @param stepId that filled it; 0 on the way to a device */
export function encodeKvRun(stepId: number, { slot, run, tileId, heads }: KvRun): Uint8Array {
  const id = new Uint8Array(tileIdBytes);
  new DataView(id.buffer).setUint32(0, tileId, true);
  return encodeFrame({ type: 'kv', flags: 0, index: slot, id: stepId, rows: run }, id, ...heads);
}

/** @returns with all heads in one piece, a view into the message @throws HearthError FRAME_MALFORMED */
export function decodeKvRun({ index: slot, rows: run, payload }: Frame): KvRun {
  if (payload.length <= tileIdBytes) throw malformed('a kv frame is shorter than its tile id and a run');
  const tileId = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return { slot, run, tileId, heads: [payload.subarray(tileIdBytes)] };
}
