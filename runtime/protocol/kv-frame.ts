import { encodeFrame, type Frame, malformed } from './frame.ts';

/** Runs of a slot's positions, one or more of a page, of all KV heads of one attention tile. */
export interface KvRuns {
  readonly slot: number;
  /** The first one: positions [16 × run, 16 × (run + 1)). */
  readonly run: number;
  readonly tileId: number;
  /** Run by run and head by head, the parts of their pages in order: `kvRunParts`. */
  readonly heads: readonly Uint8Array[];
}

const tileIdBytes = 4;

/** @param stepId that filled it; 0 on the way to a device */
export function encodeKvRuns(stepId: number, { slot, run, tileId, heads }: KvRuns): Uint8Array {
  const id = new Uint8Array(tileIdBytes);
  new DataView(id.buffer).setUint32(0, tileId, true);
  return encodeFrame({ type: 'kv', flags: 0, index: slot, id: stepId, rows: run }, id, ...heads);
}

/** @returns with all of it in one piece, a view into the message @throws HearthError FRAME_MALFORMED */
export function decodeKvRuns({ index: slot, rows: run, payload }: Frame): KvRuns {
  if (payload.length <= tileIdBytes) throw malformed('a kv frame is shorter than its tile id and a run');
  const tileId = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return { slot, run, tileId, heads: [payload.subarray(tileIdBytes)] };
}
