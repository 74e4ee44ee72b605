import { computed } from '@preact/signals';
import type { Report } from '../../../../runtime/protocol/messages.ts';
import { type LentRank, lentRanks } from './device.ts';
import { isPaused, standByReason } from './presence.ts';

/** How it goes, in the words of the page. */
export interface Outlook {
  /** `works` while it computes or could at any moment, `waits` for something that comes by itself, `ended` for good. */
  readonly mood: 'works' | 'waits' | 'rests' | 'ended';
  readonly headline: string;
  readonly detail: string;
}

/** What ends the work, and what to do. */
const endings: Partial<Record<Report['code'], readonly [headline: string, detail: string]>> = {
  JOIN_REFUSED: [
    'The secret of the link is not the right one',
    'Links change when Hearth is started again. Open the one that it prints now, or scan its code.',
  ],
  DEVICE_NOT_PAIRED: [
    'This browser has been removed',
    'It may lend again when you open the link that Hearth prints now, or scan its code.',
  ],
  COORDINATOR_UNKNOWN: [
    'This browser is not paired yet',
    'Open the whole link that hearth serve prints, with what stands behind its #, or scan its code.',
  ],
  HANDSHAKE_FAILED: [
    'Who answers there is not who this browser was paired with',
    'Open the link that Hearth prints now to pair with it anew.',
  ],
  PROTOCOL_VERSION_MISMATCH: ['The coordinator has another version', 'Load this page again.'],
  KERNEL_UNAVAILABLE: [
    'This browser cannot compute here',
    'It needs WebAssembly with SIMD: Chrome 91, Firefox 89, Safari 16.4, or newer.',
  ],
};

/** The rank that is furthest behind tells how it goes. */
export const outlook = computed((): Outlook => {
  const ranks = lentRanks.value;
  const failed = ranks.find(({ failure }) => failure)?.failure;
  if (failed) {
    const [headline, detail] = endings[failed.code] ?? ['Something went wrong', failed.message];
    return { mood: 'ended', headline, detail };
  }
  if (isPaused.value)
    return { mood: 'rests', headline: 'Paused', detail: 'The others go on without this device.' };
  if (standByReason.value)
    return { mood: 'rests', headline: 'Standing by', detail: `Left out for now: ${standByReason.value}.` };
  return ofRank(ranks.find(({ status }) => status.state !== 'ready') ?? ranks[0]);
});

function ofRank(rank: LentRank | undefined): Outlook {
  const state = rank?.status.state ?? 'starting';
  const waits = (headline: string, detail: string): Outlook => ({ mood: 'waits', headline, detail });
  switch (state) {
    case 'ready':
      return {
        mood: 'works',
        headline: 'This device helps',
        detail: 'Keep this page open: it computes as long as it is.',
      };
    case 'joined':
      return {
        mood: 'works',
        headline: 'Joined',
        detail: 'Nothing to do yet: this device is being measured, or the others are faster without it.',
      };
    case 'preparing':
      return waits('Getting weights', 'It takes part as soon as they are here; they are kept for next time.');
    case 'loading':
      return waits('Loading weights', 'They are kept in this browser, and sent only once.');
    case 'declined':
      return waits('Too much for this device', rank?.note ?? 'It waits for other work.');
    case 'waiting':
      return waits('The coordinator is away', 'This page looks for it again by itself.');
    default:
      return waits('Connecting', 'Looking for the coordinator.');
  }
}
