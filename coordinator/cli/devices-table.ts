import type { MemoryUse } from '../../runtime/protocol/messages.ts';
import type { DeviceState } from '../cluster/device-state.ts';
import type { GpuProfile } from '../../runtime/plan/profiles.ts';
import { formatBytes, formatTable } from './output.ts';

/** Characters of a name: with them no line is longer than 100. */
const nameLength = 16;
const gpuLength = 48;
const header = ['RANK', 'NAME', 'STATE', 'WEIGHTS', 'MEMORY', 'SPEED', 'LINK'];

/** What `hearth devices` prints: a row for each device, what else it tells under it, and what is wrong at the end. */
export function devicesTable(devices: readonly DeviceState[]): string {
  const [first, ...rows] = formatTable([header, ...devices.map(row)]).split('\n');
  const lines = devices.flatMap((device, i) => [rows[i]!, ...details(device)]);
  return [first, ...lines, ...devices.flatMap(remarks)].map((line) => `${line}\n`).join('');
}

function row({
  rank,
  name,
  state,
  loadedTiles,
  tiles,
  tileBytes,
  memory,
  profile,
  link,
}: DeviceState): string[] {
  const isLoading = state === 'loading' || state === 'preparing';
  const usedBytes = memory && memory.residentBytes + memory.windowBytes + memory.otherBytes;
  return [
    String(rank ?? '-'),
    name.length > nameLength ? `${name.slice(0, nameLength - 1)}…` : name,
    isLoading ? `${state} ${Math.floor((100 * loadedTiles) / Math.max(1, tiles))} %` : state,
    formatBytes(tileBytes),
    memory ? `${formatBytes(usedBytes!)} of ${formatBytes(memory.budgetBytes)}` : '-',
    speedOf(profile),
    link === 'local' ? 'local' : linkOf(profile),
  ];
}

/** Of the weight type that the model has most of: it was asked for first. */
function speedOf(profile: DeviceState['profile']): string {
  const [rates] = Object.values(profile?.kernels ?? {});
  return rates ? rate(rates.decodeBytesPerSecond) : '-';
}

/** The slower way. */
function linkOf(profile: DeviceState['profile']): string {
  if (!profile?.link) return '-';
  const { rttMs, upBytesPerSecond, downBytesPerSecond } = profile.link;
  return `${rttMs.toFixed(1)} ms ${rate(Math.min(upBytesPerSecond, downBytesPerSecond))}`;
}

function details({ tiles, loadedTiles, memory, profile, work }: DeviceState): string[] {
  const parts = [
    ...(tiles > 0 ? [`${loadedTiles}/${tiles} tiles${memory ? `, ${memory.keptTiles} kept` : ''}`] : []),
    ...(profile && profile.diskBytesPerSecond > 0 ? [`disk ${rate(profile.diskBytesPerSecond)}`] : []),
    ...(memory && memory.streamedBytes + memory.recordBytes > 0 && memory.steps > 0
      ? [streaming(memory)]
      : []),
  ];
  const lines = [
    parts.join('; '),
    profile?.gpu ? gpuLine(profile.gpu, memory) : '',
    work.syncs > 0 && work.steps > 0 ? syncing(work) : '',
  ];
  return lines.filter((line) => line !== '').map((line) => `      ${line}`);
}

/** Which GPU, and what it does: the tiles that it has too, or that none are worth it. */
function gpuLine({ name, kernels }: GpuProfile, memory: DeviceState['memory']): string {
  const [rates] = Object.values(kernels);
  const speed = rates ? `, ${rate(rates.decodeBytesPerSecond)}` : '';
  const tiles = memory?.gpuTiles ? `has ${memory.gpuTiles} tiles` : 'has none';
  return `GPU ${name.length > gpuLength ? `${name.slice(0, gpuLength - 1)}…` : name}${speed}: ${tiles}`;
}

function streaming({ steps, streamedBytes, records, recordBytes, waitMs, coldBytes }: MemoryUse): string {
  const cold =
    coldBytes > 0
      ? `, reads ${Math.round(records / steps)} of ${formatBytes(coldBytes)} of cold neurons in ` +
        formatBytes(recordBytes / steps)
      : '';
  return `streams ${formatBytes(streamedBytes / steps)} a step${cold} and waits ${(waitMs / steps).toFixed(0)} ms`;
}

function syncing({ steps, upBytes, downBytes, waitMs }: DeviceState['work']): string {
  const each = (bytes: number) => formatBytes(bytes / steps);
  return `${each(upBytes)} up and ${each(downBytes)} down a step, waits ${(waitMs / steps).toFixed(0)} ms for others`;
}

const said: Partial<Record<DeviceState['state'], string>> = {
  declined: 'declined',
  quarantined: 'is quarantined',
};

function remarks({ name, state, reason, drift }: DeviceState): string[] {
  const percent = drift && Math.round(100 * Math.abs(drift - 1));
  return [
    ...(reason ? ['', `${name} ${said[state] ?? 'stands by'}: ${reason}`] : []),
    ...(drift
      ? ['', `${name} is ${percent} % ${drift < 1 ? 'slower' : 'faster'} than when it got its tiles.`]
      : []),
  ];
}

function rate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}
