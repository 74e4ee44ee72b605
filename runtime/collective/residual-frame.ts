import type { Residual } from '../decoder/step.ts';
import { encodeFrame, type Frame, malformed, packTokens } from '../protocol/frame.ts';

/** The residual on its way from one rank to others: float32, exact. */
export function encodeResidual(stepId: number, residual: Residual): Uint8Array {
  const header = { type: 'residual', flags: 0, index: residual.layer, id: stepId } as const;
  return encodeFrame({ ...header, rows: packTokens(residual) }, ...residual.rows.map(bytesOf));
}

/**
 * Fills a residual's rows.
 * @throws HearthError FRAME_MALFORMED
 */
export function takeResidual({ rows }: Residual, { payload }: Frame): void {
  const expectedBytes = rows.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (payload.length !== expectedBytes)
    throw malformed(`a residual holds ${payload.length} bytes, expected ${expectedBytes}`);
  let offset = 0;
  for (const row of rows) {
    bytesOf(row).set(payload.subarray(offset, offset + row.byteLength));
    offset += row.byteLength;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
