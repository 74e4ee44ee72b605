import { expect, test } from 'vitest';
import { remembering } from '../../device-agent/probe/remembering.ts';
import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';

const rates = { decodeBytesPerSecond: 1e10, prefillFlopsPerSecond: 1e11 };
const never = new AbortController().signal;

/** A device with a GPU that may be left out, which counts what it measures. */
function deviceWithGpu() {
  const memory = new Map<string, DeviceRates>();
  const measured: string[] = [];
  let hasGpu = true;
  const measure = remembering(
    { find: (key) => memory.get(key), note: (key, value) => void memory.set(key, value) },
    'here',
    async ({ formats }) => {
      measured.push(formats.join());
      const kernels = Object.fromEntries(formats.map((format) => [format, rates]));
      const gpu = { name: 'GPU', memoryBytes: 1e9, syncMs: 0.1, kernels };
      return {
        kernels,
        ...(hasGpu && { gpu }),
        attentionBytesPerSecond: 5e9,
        diskBytesPerSecond: 0,
        syncMs: 0,
      };
    },
    ({ gpu }) => gpu !== undefined,
  );
  const of = (...formats: KernelFormatName[]) => measure({ formats, kvFormat: 'f16', fresh: false }, never);
  const leaveOut = (isOut: boolean): void => {
    hasGpu = !isOut;
  };
  return { of, measured, leaveOut };
}

test('of a GPU the same types are remembered as of the processor', async () => {
  const { of, measured } = deviceWithGpu();
  await of('Q4_0');
  await of('Q8_0');
  const both = await of('Q8_0', 'Q4_0');
  expect(measured).toEqual(['Q4_0', 'Q8_0']);
  expect(Object.keys(both.gpu!.kernels).sort()).toEqual(['Q4_0', 'Q8_0']);
  expect(Object.keys((await of('Q4_0')).gpu!.kernels)).toEqual(['Q4_0']);
});

test('what has been left out is measured another time', async () => {
  const { of, measured, leaveOut } = deviceWithGpu();
  leaveOut(true);
  expect(await of('Q4_0')).not.toHaveProperty('gpu');
  leaveOut(false);
  expect(await of('Q4_0')).toHaveProperty('gpu');
  await of('Q4_0');
  expect(measured).toEqual(['Q4_0', 'Q4_0']);
});
