import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { work } from '../cluster/watch.ts';
import { bytesOf } from '../cluster/words.ts';
import { between, lineWidth, type Point } from './star-geometry.ts';

interface StarLinkProps {
  device: KeyedDevice;
  from: Point;
  fromRadius: number;
  to: Point;
  toRadius: number;
}

/** Waiting in tenths, each with a colour of its own. */
const shades = 10;

export function StarLink({ device, from, fromRadius, to, toRadius }: StarLinkProps) {
  const its = work.value.get(device.key);
  const [start, end] = between(from, fromRadius, to, toRadius);
  const isUsed = device.state === 'ready' && its !== undefined;
  const waiting = isUsed
    ? Math.round((shades * its.waitMs) / Math.max(1e-9, its.ownMs + its.waitMs))
    : shades;
  const line = { x1: start.x, y1: start.y, x2: end.x, y2: end.y };
  return (
    <g class={`link ${isUsed ? 'used' : 'unused'}`} data-waiting={waiting}>
      <line {...line} stroke-width={isUsed ? lineWidth(bytesOf(its)) : 1.5} />
      {isUsed && <line class="flow" {...line} />}
    </g>
  );
}
