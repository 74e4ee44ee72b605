import type { DeviceState } from '../cluster/cluster.ts';

interface Metric {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly value: (device: DeviceState) => number | undefined;
}

/** In the units that Prometheus recommends: bytes and seconds; what only grows ends in `_total`. */
const metrics: readonly Metric[] = [
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
    name: 'hearth_device_other_memory_bytes',
    kind: 'gauge',
    help: 'Memory of its KV pages, activations and sums.',
    value: ({ memory }) => memory?.otherBytes,
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
    name: 'hearth_device_read_seconds_total',
    kind: 'counter',
    help: 'Time that it spent reading them.',
    value: ({ memory }) => memory && memory.readMs / 1000,
  },
  {
    name: 'hearth_device_weight_wait_seconds_total',
    kind: 'counter',
    help: 'Time that its computing waited for them.',
    value: ({ memory }) => memory && memory.waitMs / 1000,
  },
];

/** What monitoring reads: Prometheus text format 0.0.4, one sample for each device that told. */
export function metricsText(devices: readonly DeviceState[]): string {
  return metrics.map((metric) => section(metric, devices)).join('');
}

function section({ name, kind, help, value }: Metric, devices: readonly DeviceState[]): string {
  const samples = devices.flatMap((device) => {
    const number = value(device);
    const labels = `device="${escaped(device.name)}",rank="${device.rank ?? ''}"`;
    return number === undefined ? [] : [`${name}{${labels}} ${number}\n`];
  });
  return samples.length > 0 ? `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${samples.join('')}` : '';
}

function escaped(label: string): string {
  return label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
