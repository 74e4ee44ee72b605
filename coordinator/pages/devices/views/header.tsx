import { FlameIcon, LeftIcon, PlusIcon } from '../../shared/icons.tsx';
import { ThemeButton } from '../../shared/theme-button.tsx';
import { owner } from '../cluster/owner.ts';
import { openDialog } from './dialogs.ts';

export function Header() {
  return (
    <header>
      <a class="quiet square" href="/chat/" aria-label="Chat" title="Chat">
        <LeftIcon />
      </a>
      <FlameIcon />
      <h1>Devices</h1>
      {owner.value && (
        <button
          type="button"
          class="main"
          onClick={() => {
            openDialog.value = 'add';
          }}
        >
          <PlusIcon /> Add a device
        </button>
      )}
      <ThemeButton />
    </header>
  );
}
