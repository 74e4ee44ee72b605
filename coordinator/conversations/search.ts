import type { Conversation } from './conversation.ts';

/** Characters shown before and after what was found. */
const [before, after] = [16, 80];

/** How text is compared: letters without case and accents. */
function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** What a conversation says of some words, in its title or its messages; undefined where it says nothing. */
export function mentions({ title, messages }: Conversation, words: string): string | undefined {
  const wanted = folded(words.trim());
  if (folded(title).includes(wanted)) return '';
  for (const { text } of messages) {
    const at = folded(text).indexOf(wanted);
    if (at >= 0) return excerpt(text, at, wanted.length);
  }
  return undefined;
}

/** Folding moves letters by a few places at most, which the margins forgive. */
function excerpt(text: string, at: number, length: number): string {
  const [start, end] = [Math.max(0, at - before), Math.min(text.length, at + length + after)];
  const middle = text.slice(start, end).replace(/\s+/g, ' ').trim();
  return `${start > 0 ? '…' : ''}${middle}${end < text.length ? '…' : ''}`;
}
