import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { devices, slowestDevice, work } from '../cluster/watch.ts';
import { milliseconds, percent, shareOf, stateInWords, stateOf } from '../cluster/words.ts';
import type { StarNodePlace } from './star-geometry.ts';

const nameLength = 15;

interface StarNodeProps {
  device: KeyedDevice;
  at: StarNodePlace;
  radius: number;
}

export function StarNode({ device, at, radius }: StarNodeProps) {
  const share = shareOf(device, devices.value);
  const its = work.value.get(device.key);
  const isSlowest = slowestDevice.value?.key === device.key;
  const computes = device.state === 'ready';
  const { name } = device;
  const nameAt = at.isNameAbove ? -radius - 28 : radius + 21;
  const badgeAt = at.isNameAbove ? radius + 2 : -radius - 2;
  return (
    <g class={`node ${computes ? 'computes' : 'rests'}`} transform={`translate(${at.x} ${at.y})`}>
      <title>{`${name}: ${stateInWords(device)}`}</title>
      <circle class="ground" r={radius} />
      <circle class="track" r={radius} />
      {share > 0 && <circle class="share" r={radius} pathLength={1} stroke-dasharray={`${share} 1`} />}
      <text class="percent" y="5">
        {share > 0 ? percent(share) : '–'}
      </text>
      <text class="name" y={nameAt}>
        {name.length > nameLength ? `${name.slice(0, nameLength - 1)}…` : name}
      </text>
      <text class="state" y={nameAt + 16}>
        {computes && its ? `${milliseconds(its.ownMs)} a step` : stateOf(device)}
      </text>
      {isSlowest && (
        <g class="badge" transform={`translate(0 ${badgeAt})`}>
          <rect x="-29" y="-10" width="58" height="20" rx="10" />
          <text y="4">slowest</text>
        </g>
      )}
    </g>
  );
}
