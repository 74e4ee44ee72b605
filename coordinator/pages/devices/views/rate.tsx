import { tokensPerSecond } from '../cluster/history.ts';
import { isLive, samples } from '../cluster/watch.ts';

/** Tokens a second of all answers, now. */
export function Rate() {
  const rate = isLive.value ? tokensPerSecond(samples.value) : undefined;
  return <>{rate === undefined ? '–' : rate.toFixed(rate >= 100 || rate === 0 ? 0 : 1)}</>;
}
