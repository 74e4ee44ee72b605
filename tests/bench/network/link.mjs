/** What lies between any two hosts, each way: `rateMbit` 0 has no limit, in 10^6 bits a second. */
export const freeLink = { delayMs: 0, rateMbit: 0, jitterMs: 0 };

/** @param text one way: `2ms/100mbit`, with jitter `2ms/100mbit/0.5ms` */
export function parseLink(text) {
  const match = /^([\d.]+)ms\/([\d.]+)mbit(?:\/([\d.]+)ms)?$/.exec(text);
  if (!match) throw new Error(`a link is written as 2ms/100mbit or 2ms/100mbit/0.5ms, not "${text}"`);
  const [, delayMs, rateMbit, jitterMs = 0] = match;
  return { delayMs: Number(delayMs), rateMbit: Number(rateMbit), jitterMs: Number(jitterMs) };
}

export function linkName({ delayMs, rateMbit, jitterMs }) {
  return `${delayMs} ms${jitterMs ? ` ± ${jitterMs}` : ''}, ${rateMbit} Mbit/s`;
}
