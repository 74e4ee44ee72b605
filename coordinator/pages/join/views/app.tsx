import { FlameIcon } from '../../shared/icons.tsx';
import { ThemeButton } from '../../shared/theme-button.tsx';
import { Facts } from './facts.tsx';
import { Ladder } from './ladder.tsx';
import { Outlook } from './outlook.tsx';
import { Settings } from './settings.tsx';

/** @param wasEnded whether the browser ended the page the last time */
export function App({ wasEnded }: { wasEnded: boolean }) {
  return (
    <div class="lend">
      <header>
        <FlameIcon />
        <h1>Hearth</h1>
        <ThemeButton />
      </header>
      <main>
        {wasEnded && (
          <p class="notice" role="alert">
            The browser ended this page while it was lent, most likely for want of memory. It takes a third
            less from now on.
          </p>
        )}
        <Outlook />
        <Facts />
        <Settings />
        <Ladder />
      </main>
    </div>
  );
}
