import { owner } from '../cluster/owner.ts';
import { devices } from '../cluster/watch.ts';
import { RevokeButton } from './device-actions.tsx';

/** Devices that may join, but are not here. */
export function Away() {
  const away = owner.value?.devices.filter(({ name }) => devices.value.every((one) => one.name !== name));
  if (!away?.length) return null;
  return (
    <details class="away">
      <summary>
        {away.length} {away.length === 1 ? 'device is' : 'devices are'} paired, but not here
      </summary>
      <ul>
        {away.map(({ name, pairedAt }) => (
          <li key={name}>
            <span>
              {name} <small class="soft">paired on {pairedAt.slice(0, 10)}</small>
            </span>
            <RevokeButton name={name} />
          </li>
        ))}
      </ul>
    </details>
  );
}
