import type { DeviceState } from '../cluster/device-state.ts';
import type { SchedulerStatus } from '../scheduler/scheduler.ts';
import { deviceMetrics, kernelMetrics, type Metric } from './device-metrics.ts';

/** What monitoring reads: Prometheus text format 0.0.4, one sample for each device that told. */
export function metricsText(devices: readonly DeviceState[]): string {
  const families = deviceMetrics.map(({ name, kind, help, value }) => {
    const samples = devices.flatMap((device) => sample(name, labelsOf(device), value(device)));
    return family(name, kind, help, samples);
  });
  const kernelFamilies = kernelMetrics.map(({ name, help, kernels, value }) => {
    const samples = devices.flatMap((device) =>
      Object.entries((device.profile && kernels(device.profile)) ?? {}).flatMap(([type, rates]) =>
        sample(name, `${labelsOf(device)},type="${type}"`, value(rates)),
      ),
    );
    return family(name, 'gauge', help, samples);
  });
  return [...families, ...kernelFamilies].join('');
}

/** Of all requests; nothing before there can be any. */
export function requestMetrics(status: SchedulerStatus | undefined): string {
  if (!status) return '';
  const { running, waiting, answerTokens } = status;
  return [
    family('hearth_requests_running', 'gauge', 'Requests that have a slot.', [
      `hearth_requests_running ${running}\n`,
    ]),
    family('hearth_requests_waiting', 'gauge', 'Requests that wait for one.', [
      `hearth_requests_waiting ${waiting}\n`,
    ]),
    family('hearth_answer_tokens_total', 'counter', 'Tokens of all answers.', [
      `hearth_answer_tokens_total ${answerTokens}\n`,
    ]),
  ].join('');
}

function family(name: string, kind: Metric['kind'], help: string, samples: readonly string[]): string {
  return samples.length > 0 ? `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${samples.join('')}` : '';
}

function sample(name: string, labels: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`${name}{${labels}} ${value}\n`];
}

function labelsOf({ name, rank }: DeviceState): string {
  return `device="${escaped(name)}",rank="${rank ?? ''}"`;
}

function escaped(label: string): string {
  return label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
