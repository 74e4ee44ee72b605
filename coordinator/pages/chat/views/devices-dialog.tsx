import { deviceStates } from '../../shared/device-states.ts';
import { devices, model } from '../talk/server.ts';
import { Dialog } from './dialog.tsx';

/** Which model answers, and who computes it. */
export function DevicesDialog() {
  const all = devices.value;
  const tiles = all.reduce((sum, device) => sum + device.tiles, 0);
  return (
    <Dialog title={model.value?.id ?? 'The model is loading'}>
      {model.value && <p class="soft">Looks back on {model.value.contextLength.toLocaleString()} tokens.</p>}
      <ul class="device-list">
        {all.map((device) => (
          <li key={device.name}>
            <span class={`dot ${device.state === 'ready' ? 'ready' : 'loading'}`} />
            <strong>{device.name}</strong>
            <span class="soft">{device.reason ?? deviceStates[device.state]}</span>
            <span class="share">{tiles > 0 ? `${Math.round((device.tiles / tiles) * 100)} %` : ''}</span>
          </li>
        ))}
      </ul>
      <p class="row">
        <a class="main" href="/devices/">
          All devices, and how to add one
        </a>
      </p>
    </Dialog>
  );
}
