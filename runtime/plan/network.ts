import { defaultSampling } from '../sampling/params.ts';
import type { DeviceProfile, LinkProfile } from './profiles.ts';

/** What travels and how, as far as it is not a device's own. */
export interface NetworkSettings {
  /**
   * Bytes of a packed partial sum for each byte of float32: two to three of four, as docs/cluster.md says. What is
   * packed grows with the spread of the activations, not with the model.
   */
  readonly packedShare: number;
  /** What the coordinator's own connection carries in one direction; all devices' links go through it. */
  readonly hubBytesPerSecond: number;
  /** int32 bytes that packing, unpacking or adding takes in a second, in one thread. */
  readonly packBytesPerSecond: number;
  /** Of a sync, what ranks and hub take beside links, computing and packing: frames, event loops, threads that wake up. */
  readonly exchangeMs: number;
  /** Of each step, what the coordinator takes beside all that is told here: sampling, frames. */
  readonly stepMs: number;
}

/** With processors enough: measured on two cores of a virtual machine (`tests/bench/network/versus-prediction.mjs`). */
export const exchangeMs = 0.2;

/** A frame's header, and the WebSocket's. */
export const frameBytes = 26;
/** Its row, a run of one, and its value. */
const pickedLogitBytes = 12;

/**
 * Where nothing is said of the coordinator's connection, it carries what the fastest link was measured to: a link is
 * measured by itself, so the connection does that much at least.
 */
export function networkSettings(
  devices: readonly DeviceProfile[],
  given: Partial<NetworkSettings> = {},
): NetworkSettings {
  const rates = devices.flatMap(({ link }) => (link ? [link.upBytesPerSecond, link.downBytesPerSecond] : []));
  return {
    packedShare: 0.58,
    hubBytesPerSecond: Math.max(1e6, ...rates),
    packBytesPerSecond: 1.5e9,
    exchangeMs,
    stepMs: 0.2,
    ...given,
  };
}

/** Bytes of float32 [tokens, size]. */
export function floatBytes(tokens: number, size: number): number {
  return frameBytes + tokens * size * 4;
}

/** Bytes of what a rank sends of the logits of so many vocabulary rows, where tokens are chosen among the usual number. */
export function logitBytes(tokens: number, vocabularyRows: number): number {
  const sent = Math.min(pickedLogitBytes * defaultSampling.topK, 4 * vocabularyRows);
  return frameBytes + tokens * Math.ceil(sent);
}

/** Bytes of a packed partial sum [tokens, size]. */
export function partialBytes({ packedShare }: NetworkSettings, tokens: number, size: number): number {
  return frameBytes + Math.ceil(tokens * size * 4 * packedShare);
}

/** Parts of all messages, and how long the slowest of each part takes one way: straight lines lie between. */
function delayCurve({ rttMs, rttP95Ms }: LinkProfile): readonly (readonly [part: number, ms: number])[] {
  const tailMs = Math.max(0, rttP95Ms - rttMs);
  const fastestMs = rttMs - Math.min(tailMs, 0.1 * rttMs);
  return [
    [0, fastestMs / 2],
    [0.5, rttMs / 2],
    [0.95, (rttMs + tailMs) / 2],
    [1, (rttMs + 2 * tailMs) / 2],
  ];
}

/**
 * One way of a link.
 * @param quantile the part of all messages that are as fast
 */
export function oneWayMs(link: LinkProfile, quantile: number): number {
  const curve = delayCurve(link);
  const end = Math.max(
    1,
    curve.findIndex(([part]) => quantile <= part),
  );
  const [[fromPart, fromMs], [toPart, toMs]] = [curve[end - 1]!, curve[end]!];
  return fromMs + ((toMs - fromMs) * (quantile - fromPart)) / (toPart - fromPart);
}

/**
 * One way of a link, the slowest of so many messages, on average: the integral of m · q^(m−1) · oneWayMs(q) over q in
 * [0, 1], since the greatest of m uniform numbers has the density m · q^(m−1).
 */
export function slowestOneWayMs(link: LinkProfile, messages: number): number {
  const curve = delayCurve(link);
  return curve.slice(1).reduce((sum, [toPart, toMs], i) => {
    const [fromPart, fromMs] = curve[i]!;
    const slope = (toMs - fromMs) / (toPart - fromPart);
    const atZero = fromMs - slope * fromPart;
    const [from, to] = [power(fromPart, messages), power(toPart, messages)];
    const moment = (to * toPart - from * fromPart) * (messages / (messages + 1));
    return sum + atZero * (to - from) + slope * moment;
  }, 0);
}

function power(base: number, exponent: number): number {
  let product = 1;
  for (let i = 0; i < exponent; i += 1) product *= base;
  return product;
}

/** Milliseconds for so many bytes. */
export function transferMs(bytes: number, bytesPerSecond: number): number {
  return (bytes * 1000) / bytesPerSecond;
}
