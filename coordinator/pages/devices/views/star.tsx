import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { cluster, devices, isWorking } from '../cluster/watch.ts';
import { Rate } from './rate.tsx';
import { StarLink } from './star-link.tsx';
import { StarNode } from './star-node.tsx';
import { starGeometry } from './star-geometry.ts';

const firstWidth = 640;

/** The coordinator and the devices around it. The table says the same in words. */
export function Star() {
  const frame = useRef<HTMLElement>(null);
  const width = useSignal(firstWidth);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      width.value = Math.round(entry!.contentRect.width);
    });
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  const all = devices.value;
  const { height, centre, centreRadius, nodeRadius, nodes } = starGeometry(width.value, all.length);
  return (
    <figure class="star" ref={frame}>
      <svg
        role="img"
        aria-label={describe(all)}
        width={width.value}
        height={height}
        viewBox={`0 0 ${width.value} ${height}`}
        data-working={isWorking.value}
      >
        {all.map((device, i) => (
          <StarLink
            key={device.key}
            device={device}
            from={centre}
            fromRadius={centreRadius}
            to={nodes[i]!}
            toRadius={nodeRadius}
          />
        ))}
        <g class="centre" transform={`translate(${centre.x} ${centre.y})`}>
          <circle r={centreRadius} />
          <text class="rate" y="2">
            <Rate />
          </text>
          <text class="unit" y="17">
            tokens/s
          </text>
        </g>
        {all.map((device, i) => (
          <StarNode key={device.key} device={device} at={nodes[i]!} radius={nodeRadius} />
        ))}
      </svg>
      <figcaption class="soft">
        {all.length > 0
          ? 'The thicker a line, the more bytes a step; the paler, the longer the device waits for others. Rings are shares of the weights.'
          : cluster.value && 'No device is here yet.'}
      </figcaption>
    </figure>
  );
}

function describe(all: readonly KeyedDevice[]): string {
  const computing = all.filter(({ state }) => state === 'ready').length;
  return `The coordinator and ${all.length} ${all.length === 1 ? 'device' : 'devices'} around it, of which ${computing} compute`;
}
