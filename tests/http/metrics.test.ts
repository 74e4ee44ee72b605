import { expect, it } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import { metricsText, requestMetrics } from '../../coordinator/http/metrics.ts';
import { fakeMemory } from '../cluster/fake-rank.ts';
import { device as attic } from '../support/device-state.ts';

const device: DeviceState = {
  ...attic,
  name: 'the "old" laptop \\ attic',
  tiles: 20,
  loadedTiles: 19,
  tileBytes: 4e8,
  memory: { ...fakeMemory, steps: 12 },
  work: { steps: 12, syncs: 44, upBytes: 4e5, downBytes: 3e5, ownMs: 1250, waitMs: 62.5 },
  profile: {
    ...attic.profile!,
    kernels: {
      Q4_K: { decodeBytesPerSecond: 8e9, prefillFlopsPerSecond: 9e10 },
      Q6_K: { decodeBytesPerSecond: 7e9, prefillFlopsPerSecond: 6e10 },
    },
    gpu: {
      name: 'Radeon RX 580',
      memoryBytes: 4e9,
      syncMs: 0.25,
      kernels: { Q4_K: { decodeBytesPerSecond: 2e10, prefillFlopsPerSecond: 3e11 } },
    },
    diskBytesPerSecond: 4e8,
    syncMs: 0.5,
    link: { rttMs: 2, rttP95Ms: 3.5, upBytesPerSecond: 1e7, downBytesPerSecond: 2e7 },
  },
  drift: 0.625,
};

/** As Prometheus reads it: each family's type, and its samples by their labels. */
function parse(text: string) {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [, named, type] = /^# TYPE (\S+) (gauge|counter)$/.exec(line) ?? [];
    if (named) types.set(named, type!);
    else if (!line.startsWith('# HELP ')) {
      const [, name, labels, value] =
        /^([a-z0-9_]+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$/.exec(line) ?? [];
      expect(types.has(name!), line).toBe(true);
      expect((types.get(name!) === 'counter') === name!.endsWith('_total'), line).toBe(true);
      samples.set(`${name} ${labels}`, Number(value));
    }
  }
  return samples;
}

it('tells monitoring what each device takes and streams', () => {
  const labels = 'device="the \\"old\\" laptop \\\\ attic",rank="1"';
  const samples = parse(metricsText([device]));
  expect(Object.fromEntries(samples)).toEqual({
    [`hearth_device_tiles ${labels}`]: 20,
    [`hearth_device_loaded_tiles ${labels}`]: 19,
    [`hearth_device_kept_tiles ${labels}`]: 5,
    [`hearth_device_gpu_tiles ${labels}`]: 3,
    [`hearth_device_gpu_sync_seconds ${labels}`]: 0.00025,
    [`hearth_device_gpu_decode_bytes_per_second ${labels},type="Q4_K"`]: 2e10,
    [`hearth_device_gpu_prefill_flops ${labels},type="Q4_K"`]: 3e11,
    [`hearth_device_weight_bytes ${labels}`]: 4e8,
    [`hearth_device_memory_budget_bytes ${labels}`]: 1e6,
    [`hearth_device_resident_weight_bytes ${labels}`]: 2e5,
    [`hearth_device_window_bytes ${labels}`]: 3e4,
    [`hearth_device_cold_bytes ${labels}`]: 5e5,
    [`hearth_device_other_memory_bytes ${labels}`]: 4e3,
    [`hearth_device_steps_total ${labels}`]: 12,
    [`hearth_device_streamed_bytes_total ${labels}`]: 6e7,
    [`hearth_device_records_total ${labels}`]: 900,
    [`hearth_device_record_bytes_total ${labels}`]: 8e6,
    [`hearth_device_read_seconds_total ${labels}`]: 0.0705,
    [`hearth_device_weight_wait_seconds_total ${labels}`]: 0.00825,
    [`hearth_device_syncs_total ${labels}`]: 44,
    [`hearth_device_sent_bytes_total ${labels}`]: 4e5,
    [`hearth_device_received_bytes_total ${labels}`]: 3e5,
    [`hearth_device_busy_seconds_total ${labels}`]: 1.25,
    [`hearth_device_sync_wait_seconds_total ${labels}`]: 0.0625,
    [`hearth_device_attention_bytes_per_second ${labels}`]: 5e9,
    [`hearth_device_disk_bytes_per_second ${labels}`]: 4e8,
    [`hearth_device_sync_seconds ${labels}`]: 0.0005,
    [`hearth_device_link_round_trip_seconds ${labels}`]: 0.002,
    [`hearth_device_link_round_trip_p95_seconds ${labels}`]: 0.0035,
    [`hearth_device_link_up_bytes_per_second ${labels}`]: 1e7,
    [`hearth_device_link_down_bytes_per_second ${labels}`]: 2e7,
    [`hearth_device_speed_ratio ${labels}`]: 0.625,
    [`hearth_device_decode_bytes_per_second ${labels},type="Q4_K"`]: 8e9,
    [`hearth_device_decode_bytes_per_second ${labels},type="Q6_K"`]: 7e9,
    [`hearth_device_prefill_flops ${labels},type="Q4_K"`]: 9e10,
    [`hearth_device_prefill_flops ${labels},type="Q6_K"`]: 6e10,
  });
});

it('says nothing of what a device has not told', () => {
  const standBy: DeviceState = {
    ...device,
    name: 'b',
    rank: undefined,
    memory: undefined,
    profile: undefined,
  };
  const samples = parse(metricsText([device, standBy]));
  expect(samples.get('hearth_device_tiles device="b",rank=""')).toBe(20);
  expect([...samples.keys()].filter((key) => key.includes('device="b"'))).toHaveLength(8);
});

it('says of a device that is as fast as ever that it is', () => {
  const samples = parse(metricsText([{ ...device, name: 'b', drift: undefined }]));
  expect(samples.get('hearth_device_speed_ratio device="b",rank="1"')).toBe(1);
});

it('tells how many requests run and wait, once there can be any', () => {
  const status = { running: 2, waiting: 1, slots: 4, kvPages: 8, reservedKvPages: 3, answerTokens: 70 };
  const lines = requestMetrics(status).split('\n');
  expect(lines.filter((line) => !line.startsWith('#'))).toEqual([
    'hearth_requests_running 2',
    'hearth_requests_waiting 1',
    'hearth_answer_tokens_total 70',
    '',
  ]);
  expect(requestMetrics(undefined)).toBe('');
});
