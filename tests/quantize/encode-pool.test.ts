import { afterEach, beforeEach, expect, it } from 'vitest';
import { EncodePool } from '../../coordinator/quantize/encode-pool.ts';
import { type EncodeJob, encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import { Random } from '../support/random.ts';

let pool: EncodePool;
beforeEach(() => {
  pool = new EncodePool(2);
});
afterEach(() => pool.close());

function job(seed: number): EncodeJob {
  const weights = new Random(seed).fillNormal(new Float32Array(512), 1);
  return { from: 'F32', to: 'Q4_0', bytes: new Uint8Array(weights.buffer) };
}

it('answers each job with its own rows, and leaves the job as it was', async () => {
  const jobs = [1, 2, 3, 4, 5].map(job);
  const encoded = await Promise.all(jobs.map((each) => pool.encode(each)));
  expect(encoded.map((bytes) => Buffer.from(bytes!).toString('hex'))).toEqual(
    jobs.map((each) => Buffer.from(encodeRows(each)!).toString('hex')),
  );
  expect(new Set(encoded.map(String)).size).toBe(jobs.length);
});

it('tells of weights that cannot be stored', async () => {
  const bytes = new Uint8Array(Float32Array.from({ length: 32 }, () => Number.NaN).buffer);
  expect(await pool.encode({ from: 'F32', to: 'Q8_0', bytes })).toBeUndefined();
});

it('fails all jobs once a thread has died', async () => {
  const broken: EncodeJob = { from: 'F32', to: 'Q4_0', bytes: new Uint8Array(12) };
  await expect(pool.encode(broken)).rejects.toThrow(/blocks/);
  await expect(pool.encode(job(1))).rejects.toThrow(/blocks/);
  await expect(pool.encode(job(2))).rejects.toThrow(/blocks/);
});
