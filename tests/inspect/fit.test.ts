import { beforeAll, describe, expect, it } from 'vitest';
import { builtInPath } from '../../coordinator/files/model-folder.ts';
import { describeFit, fitOf, type RunnableReport } from '../../coordinator/inspect/fit.ts';
import { inspectGguf, typeMix } from '../../coordinator/inspect/report.ts';
import { openGgufAt } from '../../device-agent/node/open-gguf.ts';

let small: RunnableReport;
beforeAll(async () => {
  const gguf = await openGgufAt(builtInPath());
  small = inspectGguf(gguf) as RunnableReport;
  await gguf.close();
});

const readRate = async () => ({ bytesPerSecond: 10e9, threads: 4, format: 'Q8_0' as const });
const text = (rows: string[][]) => rows.map((row) => row.join(': ')).join('\n');

describe('whether a model fits', () => {
  it('counts its tiles and the KV cache of one conversation', async () => {
    const { config, tileBytes } = small;
    const { memory, speed, disk } = await fitOf(small, { freeMemoryBytes: 1e9, readRate });
    // K and V in halves.
    const positionBytes = 2 * 2 * config.layerCount * config.kvHeadCount * config.headDim;
    expect(memory).toEqual({
      tileBytes,
      kvBytes: positionBytes * config.contextLength,
      contextLength: config.contextLength,
      neededBytes: tileBytes + positionBytes * config.contextLength + 150e6,
      freeBytes: 1e9,
      streamedBytes: 0,
    });
    expect(speed!.tokensPerSecond).toBe(10e9 / tileBytes);
    expect(disk).toBeUndefined();
  });

  it('is said in words', async () => {
    const report = { ...small, tileBytes: 10e9, byteLength: 9e9 };
    const fit = await fitOf(report, { freeMemoryBytes: 16e9, freeDiskBytes: 5e9, readRate });
    const said = text(describeFit(fit));
    expect(said).toMatch(/^disk: does not fit: 9\.0 GB of 5\.0 GB that are free$/m);
    expect(said).toMatch(/^memory: fits: 10\.2 GB of 16\.0 GB that are free \(10\.0 GB of tiles, /m);
    expect(said).toMatch(
      /^speed: up to about 1 tokens\/s \(an estimate: 4 threads can read 10\.0 GB\/s of Q8_0/m,
    );
  });

  it('measures no speed that nobody will see', async () => {
    const fit = await fitOf(small, {
      freeMemoryBytes: 1e6,
      readRate: () => Promise.reject(new Error('measured')),
    });
    expect(fit.speed).toBeUndefined();
    expect(text(describeFit(fit))).toMatch(/^memory: does not fit.*\nthen: there is no memory for a part/m);
  });

  it('tells what is read from disk for each token', async () => {
    const report = { ...small, tileBytes: 10e9 };
    const fit = await fitOf(report, { freeMemoryBytes: 4e9, readRate });
    expect(text(describeFit(fit))).toMatch(
      /^then: 6\.\d GB are read from disk for each token; .*hearth join/m,
    );
  });
});

it('the types of a model add up to its tensors', () => {
  const mix = [...typeMix(small).values()];
  expect(mix.reduce((sum, { count }) => sum + count, 0)).toBe(small.tensors.length);
  expect(mix.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
    small.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
  );
});
