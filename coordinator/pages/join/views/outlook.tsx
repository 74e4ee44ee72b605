import { lend } from '../lend/device.ts';
import { outlook } from '../lend/outlook.ts';
import { isPaused } from '../lend/presence.ts';

/** How it goes, and the one thing to do about it. */
export function Outlook() {
  const { mood, headline, detail } = outlook.value;
  return (
    <section class="outlook" data-mood={mood} aria-live="polite">
      <span class="sign" aria-hidden="true" />
      <h2>{headline}</h2>
      <p class="soft">{detail}</p>
      {mood === 'ended' ? (
        <button type="button" class="main" onClick={lend}>
          Try again
        </button>
      ) : (
        <button type="button" class="main" onClick={() => (isPaused.value = !isPaused.value)}>
          {isPaused.value ? 'Go on' : 'Pause'}
        </button>
      )}
    </section>
  );
}
