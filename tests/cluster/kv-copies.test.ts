import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { arrangeAll } from '../../coordinator/cluster/arrangement.ts';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import { KvCopies } from '../../coordinator/cluster/kv-copies.ts';
import { pipelineLayout, tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { type KvFormat, kvRunBytes } from '../../runtime/kernels/kv-page.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import { decodeKvRuns, encodeKvRuns } from '../../runtime/protocol/kv-frame.ts';
import { memorySource } from '../support/memory-source.ts';
import { noSources } from '../support/rank-host.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { settle } from './fake-clock.ts';
import { fakeModel, fakeRankOptions } from './fake-model.ts';
import { joinDevice } from './test-cluster.ts';

const { tiles, description } = fakeModel();
const attention = tiles.filter(({ kind }) => kind === 'attention');
const all = attention.map(({ id }) => id);
const runBytes = kvRunBytes(description.config.headDim, fakeRankOptions.kvFormat);

function runFrame(stepId: number, slot: number, run: number, tileId: number, fill = 1): Frame {
  const heads = [new Uint8Array(tiles[tileId]!.count * runBytes).fill(fill)];
  return decodeFrame(encodeKvRuns(stepId, { slot, run, tileId, heads }), defaultFrameLimits);
}

const step = (stepId: number, slot: number, start: number, count: number) => ({
  stepId,
  sequences: [{ slot, start, count, logits: 'none' as const }],
});

describe('copies of KV', () => {
  it('count runs that have come whole, from the first on', () => {
    const copies = new KvCopies(fakeModel(), fakeRankOptions);
    copies.begin(step(0, 1, 0, 200));
    for (const id of all) copies.take(runFrame(0, 1, 1, id), all);
    expect(copies.positions(1)).toBe(0);
    for (const id of all.slice(1)) copies.take(runFrame(0, 1, 0, id), all);
    expect(copies.positions(1)).toBe(0);
    copies.take(runFrame(0, 1, 0, all[0]!), all);
    expect([copies.positions(0), copies.positions(1)]).toEqual([0, 32]);
  });

  it('are given up where other tokens take their places, also when they come late', () => {
    const copies = new KvCopies(fakeModel(), fakeRankOptions);
    copies.begin(step(0, 0, 0, 200));
    for (const run of [0, 1, 2]) for (const id of all) copies.take(runFrame(0, 0, run, id), all);
    expect(copies.positions(0)).toBe(48);
    copies.begin(step(1, 0, 25, 100));
    expect(copies.positions(0)).toBe(16);
    for (const id of all) copies.take(runFrame(0, 0, 1, id), all);
    expect(copies.positions(0)).toBe(16);
    for (const id of all) copies.take(runFrame(1, 0, 1, id), all);
    expect(copies.positions(0)).toBe(32);
    copies.release(0);
    expect([copies.positions(0), copies.byteLength]).toEqual([0, 0]);
  });

  it('come back as they were, those of a rank’s tiles, for the positions that are wanted', () => {
    const copies = new KvCopies(fakeModel(), fakeRankOptions);
    copies.begin(step(5, 2, 0, 32));
    for (const run of [0, 1]) for (const id of all) copies.take(runFrame(5, 2, run, id, id + run), all);
    copies.restart([0, 0, 32, 0]);
    const frames = [...copies.framesFor(2, 16, [all[0]!, all[2]!])];
    const runs = frames.map((frame) => decodeKvRuns(decodeFrame(frame, defaultFrameLimits)));
    expect(runs.map(({ slot, run, tileId }) => [slot, run, tileId])).toEqual([
      [2, 0, all[0]],
      [2, 0, all[2]],
    ]);
    expect(runs.map(({ heads }) => heads[0]![0])).toEqual([all[0], all[2]]);
  });

  it('travel by the page, as far as it is full', () => {
    const [id] = all as [number];
    const fills = [0, 1, 2, 3, 4, 5].map((run) => runFrame(9, 0, run, id, 1 + run));
    const bytes = Buffer.concat(fills.map(({ payload }) => payload.subarray(4)));
    const size = bytes.length / fills.length;
    const copies = new KvCopies(fakeModel(), fakeRankOptions);
    copies.begin(step(9, 0, 0, 96));
    const sent = [bytes.subarray(0, 4 * size), bytes.subarray(4 * size)];
    for (const [i, heads] of sent.entries())
      copies.take(
        decodeFrame(encodeKvRuns(9, { slot: 0, run: 4 * i, tileId: id, heads: [heads] }), defaultFrameLimits),
        [id],
      );
    const frames = [...copies.framesFor(0, 96, [id])].map((frame) => decodeFrame(frame, defaultFrameLimits));
    expect(frames.map((frame) => decodeKvRuns(frame))).toMatchObject([
      { run: 0, tileId: id },
      { run: 4, tileId: id },
    ]);
    expect(Buffer.concat(frames.map((frame) => decodeKvRuns(frame).heads[0]!)).equals(bytes)).toBe(true);
  });

  it('take no more than they may', () => {
    const copies = new KvCopies(fakeModel(), fakeRankOptions, () => 12 * runBytes);
    copies.begin(step(0, 0, 0, 32));
    for (const run of [0, 1]) for (const id of all) copies.take(runFrame(0, 0, run, id), all);
    expect(copies.byteLength).toBeLessThanOrEqual(3 * runBytes);
    expect(copies.positions(0)).toBe(0);
  });

  it.each([
    ['of a tile that the rank does not hold', runFrame(0, 0, 0, all[1]!), [all[0]!]],
    ['of a slot that there is not', runFrame(0, 4, 0, all[0]!), all],
    ['of another length', { ...runFrame(0, 0, 0, all[0]!), payload: new Uint8Array(100) }, all],
    ['of nothing', { ...runFrame(0, 0, 0, all[0]!), payload: new Uint8Array(4) }, all],
  ])('%s are refused', (_, frame, held) => {
    const copies = new KvCopies(fakeModel(), fakeRankOptions);
    copies.begin(step(0, 0, 0, 16));
    expect(() => copies.take(frame, held)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^PROTOCOL|^FRAME/) }),
    );
  });
});

const layerCount = 4;
let model: ModelFile;
beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0', layerCount })));
});

const input = (start: number, count: number): StepInput => ({
  slot: 1,
  start,
  count,
  logits: start + count > 150 ? 'last' : 'none',
  tokens: Array.from({ length: count }, (_, i) => ((start + i) * 397 + 11) % 2600),
});

describe('when a device takes KV with it', { timeout: 60_000 }, () => {
  it.each<[string, KvFormat, typeof tensorLayout]>([
    ['one of three that share', 'f16', tensorLayout],
    ['one of three that share', 'q8', tensorLayout],
    ['one of a pipeline', 'f32', pipelineLayout],
  ])('%s (%s), others go on from the copies with the same bits', async (_, kvFormat, layout) => {
    const kept: (readonly number[])[] = [];
    const rankOptions = { kvFormat, maxStepTokens: 64, maxSequences: 3, contextLength: 256, kvPages: 12 };
    const arrange = arrangeAll(layout(layerCount));
    const cluster = new Cluster({
      model,
      rankOptions,
      arrange,
      minDevices: 3,
      onReset: (positions) => kept.push(positions),
    });
    onTestFinished(() => cluster.close());
    const ranks = kernelRanks({ startKernels, sources: noSources });
    const devices = [];
    for (let i = 0; i < 3; i += 1) devices.push(await joinDevice(cluster, `device ${i}`, ranks));
    await cluster.whenReady();
    for (const start of [0, 64, 128]) await cluster.step([input(start, start === 128 ? 20 : 64)]);
    const rowOf = async (...args: [number, number]) => [...(await cluster.step([input(...args)]))[0]!];
    const expected = [await rowOf(148, 3), await rowOf(151, 1)];
    await settle();
    devices[1]!.link.cut();
    await settle();
    await cluster.whenReady();
    expect(kept).toEqual([
      [0, 0, 0],
      [0, 144, 0],
    ]);
    await cluster.step([input(144, 4)]);
    expect([await rowOf(148, 3), await rowOf(151, 1)]).toEqual(expected);
    expect(new Set(expected[0]).size).toBeGreaterThan(1000);
  });
});
