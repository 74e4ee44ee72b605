import type { DeviceProfile, KernelRates } from '../../runtime/plan/profiles.ts';
import type { DeviceState } from '../cluster/device-state.ts';

/** One number of a device. */
export interface Metric {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly value: (device: DeviceState) => number | undefined;
}

/** One for each weight type that it computes. */
export interface KernelMetric {
  readonly name: string;
  readonly help: string;
  readonly kernels: (profile: DeviceProfile) => DeviceProfile['kernels'] | undefined;
  readonly value: (rates: KernelRates) => number;
}

/** In the units that Prometheus recommends: bytes and seconds; what only grows ends in `_total`. */
export const deviceMetrics: readonly Metric[] = [
  {
    name: 'hearth_device_tiles',
    kind: 'gauge',
    help: 'Tiles that a device is to hold.',
    value: ({ tiles }) => tiles,
  },
  {
    name: 'hearth_device_loaded_tiles',
    kind: 'gauge',
    help: 'Tiles that it holds, in memory or on disk.',
    value: ({ loadedTiles }) => loadedTiles,
  },
  {
    name: 'hearth_device_kept_tiles',
    kind: 'gauge',
    help: 'Tiles that it had on disk when it was given them: none of these was sent.',
    value: ({ memory }) => memory?.keptTiles,
  },
  {
    name: 'hearth_device_weight_bytes',
    kind: 'gauge',
    help: 'Bytes of its tiles.',
    value: ({ tileBytes }) => tileBytes,
  },
  {
    name: 'hearth_device_memory_budget_bytes',
    kind: 'gauge',
    help: 'Memory that it gives to its rank at most.',
    value: ({ memory }) => memory?.budgetBytes,
  },
  {
    name: 'hearth_device_resident_weight_bytes',
    kind: 'gauge',
    help: 'Bytes of tiles that stay in its memory.',
    value: ({ memory }) => memory?.residentBytes,
  },
  {
    name: 'hearth_device_window_bytes',
    kind: 'gauge',
    help: 'Memory through which its other tiles pass.',
    value: ({ memory }) => memory?.windowBytes,
  },
  {
    name: 'hearth_device_cold_bytes',
    kind: 'gauge',
    help: 'Bytes of neurons that it reads from disk when they are wanted.',
    value: ({ memory }) => memory?.coldBytes,
  },
  {
    name: 'hearth_device_other_memory_bytes',
    kind: 'gauge',
    help: 'Memory of its KV pages, activations and sums.',
    value: ({ memory }) => memory?.otherBytes,
  },
  {
    name: 'hearth_device_gpu_tiles',
    kind: 'gauge',
    help: 'FFN tiles that lie on its GPU too, which computes them where that saves time.',
    value: ({ memory }) => memory?.gpuTiles,
  },
  {
    name: 'hearth_device_steps_total',
    kind: 'counter',
    help: 'Steps that it computed with these tiles.',
    value: ({ memory }) => memory?.steps,
  },
  {
    name: 'hearth_device_streamed_bytes_total',
    kind: 'counter',
    help: 'Bytes of tiles that it read for these steps.',
    value: ({ memory }) => memory?.streamedBytes,
  },
  {
    name: 'hearth_device_records_total',
    kind: 'counter',
    help: 'Neurons that it read from disk by themselves for these steps.',
    value: ({ memory }) => memory?.records,
  },
  {
    name: 'hearth_device_record_bytes_total',
    kind: 'counter',
    help: 'Bytes that it read for those.',
    value: ({ memory }) => memory?.recordBytes,
  },
  {
    name: 'hearth_device_read_seconds_total',
    kind: 'counter',
    help: 'Time that it spent reading tiles.',
    value: ({ memory }) => memory && memory.readMs / 1000,
  },
  {
    name: 'hearth_device_weight_wait_seconds_total',
    kind: 'counter',
    help: 'Time that its computing waited for them.',
    value: ({ memory }) => memory && memory.waitMs / 1000,
  },
  {
    name: 'hearth_device_syncs_total',
    kind: 'counter',
    help: 'Partial sums that it sent to be added to others.',
    value: ({ work }) => work.syncs,
  },
  {
    name: 'hearth_device_sent_bytes_total',
    kind: 'counter',
    help: 'Bytes of steps that came from it.',
    value: ({ work }) => work.upBytes,
  },
  {
    name: 'hearth_device_received_bytes_total',
    kind: 'counter',
    help: 'Bytes of steps that went to it.',
    value: ({ work }) => work.downBytes,
  },
  {
    name: 'hearth_device_busy_seconds_total',
    kind: 'counter',
    help: 'Time of steps in which it was its turn: computing, and the way there and back.',
    value: ({ work }) => work.ownMs / 1000,
  },
  {
    name: 'hearth_device_sync_wait_seconds_total',
    kind: 'counter',
    help: 'Time of steps in which it waited for others.',
    value: ({ work }) => work.waitMs / 1000,
  },
  {
    name: 'hearth_device_attention_bytes_per_second',
    kind: 'gauge',
    help: 'KV bytes that attention can read there.',
    value: ({ profile }) => profile?.attentionBytesPerSecond,
  },
  {
    name: 'hearth_device_disk_bytes_per_second',
    kind: 'gauge',
    help: 'Bytes of tiles that can be read from its disk.',
    value: ({ profile }) => profile?.diskBytesPerSecond,
  },
  {
    name: 'hearth_device_gpu_sync_seconds',
    kind: 'gauge',
    help: 'From handing its GPU hardly any work until the result is there.',
    value: ({ profile }) => profile?.gpu && profile.gpu.syncMs / 1000,
  },
  {
    name: 'hearth_device_sync_seconds',
    kind: 'gauge',
    help: 'What a sync takes of the device itself.',
    value: ({ profile }) => profile && profile.syncMs / 1000,
  },
  {
    name: 'hearth_device_link_round_trip_seconds',
    kind: 'gauge',
    help: 'There and back over its link, the median.',
    value: ({ profile }) => profile?.link && profile.link.rttMs / 1000,
  },
  {
    name: 'hearth_device_link_round_trip_p95_seconds',
    kind: 'gauge',
    help: 'There and back over its link, of all but one in twenty messages.',
    value: ({ profile }) => profile?.link && profile.link.rttP95Ms / 1000,
  },
  {
    name: 'hearth_device_link_up_bytes_per_second',
    kind: 'gauge',
    help: 'What its link takes from it.',
    value: ({ profile }) => profile?.link?.upBytesPerSecond,
  },
  {
    name: 'hearth_device_link_down_bytes_per_second',
    kind: 'gauge',
    help: 'What its link takes to it.',
    value: ({ profile }) => profile?.link?.downBytesPerSecond,
  },
  {
    name: 'hearth_device_speed_ratio',
    kind: 'gauge',
    help: 'Its speed over that when it got its tiles; 1 while that is about the same.',
    value: ({ profile, drift }) => profile && (drift ?? 1),
  },
];

const ofProcessor = ({ kernels }: DeviceProfile) => kernels;
const ofGpu = ({ gpu }: DeviceProfile) => gpu?.kernels;

/** Of each weight type of the model. */
export const kernelMetrics: readonly KernelMetric[] = [
  {
    name: 'hearth_device_decode_bytes_per_second',
    help: 'Weights that it can multiply by one token.',
    kernels: ofProcessor,
    value: ({ decodeBytesPerSecond }) => decodeBytesPerSecond,
  },
  {
    name: 'hearth_device_prefill_flops',
    help: 'Operations a second of a prompt.',
    kernels: ofProcessor,
    value: ({ prefillFlopsPerSecond }) => prefillFlopsPerSecond,
  },
  {
    name: 'hearth_device_gpu_decode_bytes_per_second',
    help: 'Weights that its GPU can multiply by one token.',
    kernels: ofGpu,
    value: ({ decodeBytesPerSecond }) => decodeBytesPerSecond,
  },
  {
    name: 'hearth_device_gpu_prefill_flops',
    help: 'Operations a second of a prompt on its GPU.',
    kernels: ofGpu,
    value: ({ prefillFlopsPerSecond }) => prefillFlopsPerSecond,
  },
];
