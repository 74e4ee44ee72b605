import type { ComponentChildren } from 'preact';
import { bytes } from '../../shared/bytes.ts';
import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { owner } from '../cluster/owner.ts';
import { devices, slowestDevice, work } from '../cluster/watch.ts';
import {
  bytesOf,
  decodeRate,
  gpuInWords,
  milliseconds,
  percent,
  shareOf,
  stateInWords,
} from '../cluster/words.ts';
import { DeviceActions } from './device-actions.tsx';

const headings = ['Share', 'Memory', 'Speed', 'Link', 'Sends', 'Takes', 'Waits'];

export function DeviceTable() {
  if (devices.value.length === 0) return null;
  return (
    <table class="devices">
      <caption class="unseen">What each device holds, and what a step takes of it</caption>
      <thead>
        <tr>
          <th scope="col">Device</th>
          {headings.map((heading) => (
            <th scope="col" key={heading}>
              {heading}
            </th>
          ))}
          {owner.value && (
            <th scope="col">
              <span class="unseen">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {devices.value.map((device) => (
          <Row key={device.key} device={device} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ device }: { device: KeyedDevice }) {
  const { name, memory, profile, link } = device;
  const its = work.value.get(device.key);
  const share = shareOf(device, devices.value);
  const rate = decodeRate(device);
  const streamed = its ? its.streamedBytes : 0;
  const slowest = slowestDevice.value?.key === device.key ? slowestDevice.value : undefined;
  return (
    <tr data-device={name}>
      <th scope="row">
        <div>
          <span class={`dot ${device.state === 'ready' ? 'ready' : ''}`} />
          <span>
            {name}
            <small>{stateInWords(device)}</small>
            {slowest && (
              <small class="slowest">
                <strong>slowest</strong>: {slowest.reason}
              </small>
            )}
          </span>
        </div>
      </th>
      <Cell name="Share" note={share > 0 ? bytes(device.tileBytes) : undefined}>
        {share > 0 ? percent(share) : '–'}
      </Cell>
      <Cell name="Memory" note={streamed > 0 ? `streams ${bytes(streamed)} a step` : undefined}>
        {memory ? `${bytes(memory.residentBytes + memory.windowBytes + memory.otherBytes)}` : '–'}
        {memory && <span class="soft"> of {bytes(memory.budgetBytes)}</span>}
      </Cell>
      <Cell name="Speed" note={gpuInWords(device)}>
        {rate === undefined ? '–' : `${bytes(rate)}/s`}
      </Cell>
      <Cell
        name="Link"
        note={
          profile?.link &&
          `${bytes(Math.min(profile.link.upBytesPerSecond, profile.link.downBytesPerSecond))}/s`
        }
      >
        {link === 'local' ? 'local' : profile?.link ? milliseconds(profile.link.rttMs) : '–'}
      </Cell>
      <Cell name="Sends" note={its && 'both ways a step'}>
        {its ? bytes(bytesOf(its)) : '–'}
      </Cell>
      <Cell name="Takes" note={its && 'a step, with its link'}>
        {its ? milliseconds(its.ownMs) : '–'}
      </Cell>
      <Cell name="Waits" note={its && 'for others'}>
        {its ? milliseconds(its.waitMs) : '–'}
      </Cell>
      {owner.value && (
        <td class="actions">
          <DeviceActions device={device} />
        </td>
      )}
    </tr>
  );
}

/** @param name of its column, which is shown beside it where there is no room for columns */
function Cell({
  name,
  note,
  children,
}: {
  name: string;
  note?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <td>
      <span class="column-name" aria-hidden="true">
        {name}
      </span>
      <span class="number">
        {children}
        {note && <small>{note}</small>}
      </span>
    </td>
  );
}
