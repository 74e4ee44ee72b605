import type { GpuClock } from '../readback.ts';
import type { GpuLayers, GpuLayersShape } from './gpu-layers.ts';
import { probeSeats } from './probe-seats.ts';

/** Milliseconds of a run of layers, for so many tokens of which the last sees so many positions. */
export type LayerTimes = (tokens: number, positions: number) => number;

const rounds = 3;
/** What attention takes is in proportion to what is seen. */
const farPositions = 1024;

/**
 * How long a GPU takes for all layers that it holds, from the residual there to the residual here.
 * @throws HearthError GPU_LOST
 */
export async function measureLayers(
  layers: GpuLayers,
  clock: GpuClock,
  { maxTokens, contextLength }: GpuLayersShape,
): Promise<LayerTimes> {
  const far = Math.min(contextLength, Math.max(farPositions, maxTokens));
  const line = async (tokens: number) => {
    const nearMs = await timeOf(layers, clock, tokens, tokens);
    const farMs = await timeOf(layers, clock, tokens, far);
    const each = far > tokens ? Math.max(0, farMs - nearMs) / (far - tokens) : 0;
    return (positions: number) => nearMs + each * Math.max(0, positions - tokens);
  };
  const [one, many] = [await line(1), await line(maxTokens)];
  return (tokens, positions) => {
    const calls = Math.ceil(tokens / maxTokens);
    const part = maxTokens > 1 ? (tokens / calls - 1) / (maxTokens - 1) : 0;
    return calls * (one(positions) * (1 - part) + many(positions) * part);
  };
}

/** The quickest of some calls; the first finds out when to ask for its result. */
async function timeOf(
  layers: GpuLayers,
  clock: GpuClock,
  tokens: number,
  positions: number,
): Promise<number> {
  let quickestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const beganMs = clock.nowMs();
    await layers.tryOut(probeSeats(tokens, positions), tokens);
    quickestMs = Math.min(quickestMs, clock.nowMs() - beganMs);
  }
  return quickestMs;
}
