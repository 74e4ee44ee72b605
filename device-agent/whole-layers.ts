import type { LendWhole } from '../runtime/decoder/lending.ts';
import { leastGain } from '../runtime/gpu/rates/gpu-share.ts';
import type { DeviceTimes } from '../runtime/plan/device-times.ts';
import type { ModelWork } from '../runtime/plan/workload.ts';

/** Tokens at once, and positions that they see, for which layers are to be worth lending to be lent at all. */
const usualTokens = [1, 32];
const usualPositions = 256;

/** Lends whole layers as long as there is room for them, whatever a step takes. */
export function whereRoom(roomBytes: number): LendWhole {
  let leftBytes = roomBytes;
  return async (_, bytes) => {
    if (bytes > leftBytes) return undefined;
    leftBytes -= bytes;
    return () => true;
  };
}

/**
 * Lends whole layers where the GPU, with one sync for all of them, is faster than the processor with what tiles it would be
 * lent: by what is measured of the very layers, once they lie there.
 */
export function whereFaster(
  roomBytes: number,
  times: Pick<DeviceTimes, 'isGpuFaster' | 'sublayerMs'>,
  { sublayers }: Pick<ModelWork, 'sublayers'>,
): LendWhole {
  const room = whereRoom(roomBytes);
  return async (run, bytes, measure) => {
    const own = sublayers.map(({ tiles }, index) => ({ tiles, index })).slice(2 * run.first, 2 * run.end);
    const ffn = own.filter(({ index }) => index % 2 === 1);
    const mayPay = usualTokens.some((tokens) =>
      ffn.some(({ tiles, index }) => times.isGpuFaster(index, tiles, tokens)),
    );
    if (!mayPay || !(await room(run, bytes, measure))) return undefined;
    const gpuMs = await measure();
    const processorMs = (tokens: number, positions: number) =>
      own.reduce(
        (ms, { tiles, index }) => ms + times.sublayerMs(index, tiles, tokens, positions - tokens),
        0,
      );
    const isWorth = (tokens: number, positions: number) =>
      gpuMs(tokens, positions) <= (1 - leastGain) * processorMs(tokens, positions);
    return usualTokens.some((tokens) => isWorth(tokens, usualPositions)) ? isWorth : undefined;
  };
}
