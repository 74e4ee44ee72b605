import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import { chromeTrace } from '../../coordinator/profile/chrome-trace.ts';
import { Profile } from '../../coordinator/profile/profile.ts';
import { Profiler } from '../../coordinator/profile/profiler.ts';
import { type StepRecord, spansMs } from '../../coordinator/profile/step-record.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { operations } from '../../runtime/profile/operations.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import { decodeFrame, defaultFrameLimits } from '../../runtime/protocol/frame.ts';
import { encodeSpans } from '../../runtime/protocol/spans-frame.ts';
import { FakeClock } from '../cluster/fake-clock.ts';
import { joinDevice } from '../cluster/test-cluster.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { noSources } from '../support/rank-host.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { expectSoundTrace } from './trace.ts';

const rankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 8,
  maxSequences: 1,
  contextLength: 64,
  kvPages: 1,
} as const;

let model: ModelFile;
beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
});

const clusters: Cluster[] = [];
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close();
});

async function started(devices: number, profiler?: Profiler): Promise<Cluster> {
  const cluster = new Cluster({ model, rankOptions, minDevices: devices, profiler });
  clusters.push(cluster);
  for (let i = 0; i < devices; i += 1)
    await joinDevice(
      cluster,
      `device ${i}`,
      kernelRanks({ startKernels: (memory) => loadKernels(kernelBytes, { memory }), sources: noSources }),
    );
  await cluster.whenReady();
  return cluster;
}

/** A prompt in two steps and three tokens. */
async function play(cluster: Cluster): Promise<Float32Array[]> {
  const step = (start: number, tokens: readonly number[], logits: StepInput['logits']) =>
    cluster.step([{ slot: 0, start, count: tokens.length, logits, tokens }]);
  await step(0, [5, 6, 7, 8], 'none');
  const rows = await step(4, [9, 10], 'last');
  for (const token of [1, 2, 3]) rows.push(...(await step(5 + token, [token], 'last')));
  return rows;
}

describe('the profile of a cluster', () => {
  // Whoever else takes the processor between two steps takes time that is nobody's here.
  it.each([1, 2, 3])(
    'of %i devices has the time of all, and changes no bit',
    { retry: 3 },
    async (devices) => {
      const steps: StepRecord[] = [];
      const profile = new Profile();
      const profiler = new Profiler((step) => {
        steps.push(step);
        profile.add(step);
      });
      const cluster = await started(devices, profiler);
      await play(cluster);
      profiler.start();
      const startMs = performance.now();
      const rows = await play(cluster);
      const wallMs = performance.now() - startMs;
      await profiler.stop();
      await play(cluster);
      expect(rows).toEqual(await play(await started(devices)));

      expect(profiler.incomplete).toBe(0);
      expect(steps.map(({ part, tokens }) => [part, tokens])).toEqual([
        ['prefill', 4],
        ['prefill', 2],
        ['decode', 1],
        ['decode', 1],
        ['decode', 1],
      ]);
      const profiledMs = profile.parts.reduce((sum, part) => sum + part.wallMs, 0);
      expect(profiledMs / wallMs).toBeGreaterThan(0.97);
      expect(profiledMs / wallMs).toBeLessThan(1.001);
      for (const { coordinator, devices: records, startMs: from, endMs } of steps) {
        expect(spansMs(coordinator) / (endMs - from)).toBeCloseTo(1, 3);
        expect(records.map(({ name }) => name)).toEqual(
          Array.from({ length: devices }, (_, i) => `device ${i}`),
        );
        for (const { threads, sentMs, answeredMs } of records) {
          expect(threads).toHaveLength(1);
          expect(spansMs(threads[0]!)).toBeLessThanOrEqual(answeredMs - sentMs);
          const waited = threads[0]!.operations.includes(operations.otherRanks.number);
          expect(waited).toBe(devices > 1);
        }
      }
      expectSoundTrace(chromeTrace(profile.parts));
    },
  );
});

describe('spans', () => {
  const header = { stepId: 0, sequences: [{ slot: 0, start: 0, count: 1, logits: 'last' as const }] };
  const answer = { type: 'logits', flags: 1, index: 0, id: 0, rows: 0, payload: new Uint8Array() } as const;
  const one = { operations: Uint8Array.of(2), durationsUs: Float32Array.of(5), lost: 0 };
  const frames = (threads: number, stepId = 0): Frame[] =>
    [...encodeSpans(stepId, new Array(threads).fill(one))].map((frame) =>
      decodeFrame(frame, defaultFrameLimits),
    );

  /** A profiler of one device that has answered its step. */
  function answered() {
    const steps: StepRecord[] = [];
    const clock = new FakeClock();
    const profiler = new Profiler((step) => steps.push(step), clock);
    profiler.formed(['a', 'b']);
    profiler.start('decode');
    profiler.opened(header);
    profiler.sending();
    return { profiler, steps, clock, answer: (rank: number) => profiler.arrived(rank, answer) };
  }

  it('may come before other devices have answered', async () => {
    const { profiler, steps, clock, answer } = answered();
    await clock.pass(50);
    answer(0);
    for (const frame of frames(2)) profiler.receive(0, frame);
    answer(1);
    profiler.ended();
    expect(steps).toEqual([]);
    for (const frame of frames(1)) profiler.receive(1, frame);
    expect(steps).toMatchObject([{ part: 'decode', devices: [{ threads: [one, one] }, { threads: [one] }] }]);
  });

  it('of steps that do not count, or are long gone, are dropped', async () => {
    const { profiler, steps, clock, answer } = answered();
    await clock.pass(50);
    for (const rank of [0, 1]) answer(rank);
    profiler.ended();
    for (let stepId = 1; stepId < 9; stepId += 1) profiler.opened({ ...header, stepId });
    for (const rank of [0, 1])
      for (const frame of [...frames(1), ...frames(1, 77)]) profiler.receive(rank, frame);
    expect(steps).toEqual([]);
    await profiler.stop(0);
    expect(profiler.incomplete).toBe(9);
  });

  it('of a step that failed with a device are not waited for', async () => {
    const { profiler, steps, clock, answer } = answered();
    await clock.pass(50);
    answer(0);
    profiler.formed(['b']);
    for (const frame of frames(1)) profiler.receive(0, frame);
    await profiler.stop();
    expect(steps).toEqual([]);
    expect(profiler.incomplete).toBe(1);
  });

  it.each([
    ['before the answer', false, [0], [1]],
    ['again', true, [0, 1, 1], [2]],
    ['out of order', true, [1], [2]],
  ])('that come %s are refused', async (_, hasAnswered, sent, [threads]) => {
    const { profiler, clock, answer } = answered();
    await clock.pass(50);
    if (hasAnswered) answer(0);
    const made = frames(threads!);
    const last = sent.pop()!;
    for (const thread of sent) profiler.receive(0, made[thread]!);
    expect(() => profiler.receive(0, made[last]!)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_UNEXPECTED_MESSAGE' }),
    );
  });
});
