import { operationsByNumber } from '../profile/operations.ts';
import type { Spans } from '../profile/recorder.ts';
import { encodeFrame, type Frame, lastFlag, malformed } from './frame.ts';

/** Of one device; as many as one may say that it has. */
const maxThreads = 1024;
/** An hour: longer than a step may hold up the others. */
const maxDurationUs = 3.6e9;
/** A float32 and a uint8. */
const spanBytes = 5;

/**
 * What a rank's threads did in a step, one frame each, the last one flagged. Payload: the spans' durations, float32
 * in microseconds, then the numbers of their operations, uint8.
 */
export function* encodeSpans(stepId: number, threads: readonly Spans[]): Generator<Uint8Array> {
  for (const [thread, { operations, durationsUs, lost }] of threads.entries()) {
    const flags = thread === threads.length - 1 ? lastFlag : 0;
    yield encodeFrame(
      { type: 'spans', flags, index: thread, id: stepId, rows: lost },
      new Uint8Array(durationsUs.buffer, durationsUs.byteOffset, durationsUs.byteLength),
      operations,
    );
  }
}

/** @throws HearthError FRAME_MALFORMED */
export function decodeSpans({ index: thread, rows: lost, payload }: Frame): Spans {
  if (thread >= maxThreads) throw malformed(`a spans frame is of thread ${thread}`);
  if (payload.length % spanBytes !== 0) throw malformed(`${payload.length} bytes are no whole spans`);
  const count = payload.length / spanBytes;
  const durationsUs = new Float32Array(payload.slice(0, count * 4).buffer);
  const operations = payload.slice(count * 4);
  if (!durationsUs.every((duration) => duration >= 0 && duration <= maxDurationUs))
    throw malformed(`a span's duration is not from 0 to ${maxDurationUs} microseconds`);
  if (!operations.every((number) => number < operationsByNumber.length))
    throw malformed('a span is of an unknown operation');
  return { operations, durationsUs, lost };
}
