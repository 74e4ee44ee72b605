import { shown } from '../talk/address.ts';
import { reachable } from '../../shared/api.ts';
import { devices, model } from '../talk/server.ts';
import { ContextGauge } from './context-gauge.tsx';
import { listOpen, openDialog } from './dialogs.ts';
import { MenuIcon, SlidersIcon, StarIcon } from '../../shared/icons.tsx';

export function Header() {
  return (
    <header class="top">
      <button
        type="button"
        class="quiet square only-narrow"
        aria-label="Conversations"
        aria-expanded={listOpen.value}
        onClick={() => {
          listOpen.value = true;
        }}
      >
        <MenuIcon />
      </button>
      <h1>{shown.value.head.value?.title || 'New conversation'}</h1>
      <ContextGauge />
      <ModelButton />
      <a class="quiet square only-wide" href="/devices/" aria-label="Devices" title="Devices">
        <StarIcon />
      </a>
      <button
        type="button"
        class="quiet square"
        aria-label="System prompt and sampling"
        title="System prompt and sampling"
        onClick={() => {
          openDialog.value = 'settings';
        }}
      >
        <SlidersIcon />
      </button>
    </header>
  );
}

function ModelButton() {
  const working = devices.value.filter(({ state }) => state === 'ready').length;
  const state = !reachable.value ? 'away' : model.value ? 'ready' : 'loading';
  const label = { away: 'Not reachable', loading: 'Loading…', ready: model.value?.id ?? '' }[state];
  return (
    <button
      type="button"
      class="quiet model"
      onClick={() => {
        openDialog.value = 'devices';
      }}
    >
      <span class={`dot ${state}`} />
      <span class="name">{label}</span>
      {state === 'ready' && (
        <span class="devices">
          {working} {working === 1 ? 'device' : 'devices'}
        </span>
      )}
    </button>
  );
}
