import { shortcuts } from '../keyboard/shortcuts.ts';
import { Dialog } from './dialog.tsx';

export function ShortcutsDialog() {
  return (
    <Dialog title="Keyboard shortcuts">
      <dl class="shortcuts">
        {shortcuts.map(({ keys, does }) => (
          <div key={keys}>
            <dt>{does}</dt>
            <dd>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key === 'Ctrl' && isApple ? '⌘' : key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
