import { join, mutateBytes } from './mutate-bytes.ts';
import type { Mutate } from './target.ts';

/** Messages one after another as one input: each with its length before it. */
export function packSequence(messages: readonly Uint8Array[]): Uint8Array {
  return join(
    ...messages.flatMap((message) => [new Uint8Array(Uint32Array.of(message.length).buffer), message]),
  );
}

/** Of any bytes: the last message may be shorter than it says. */
export function unpackSequence(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const end = offset + 4 + view.getUint32(offset, true);
    messages.push(bytes.slice(offset + 4, end));
    offset = end;
  }
  return messages;
}

/** Drops, repeats, swaps and takes over messages, and changes single ones. @param mutate one message */
export function sequenceMutator(mutate: Mutate = mutateBytes): Mutate {
  return (input, random, another) => {
    const messages = unpackSequence(input);
    const others = unpackSequence(another);
    for (let left = 1 + random.integer(3); left > 0; left -= 1) {
      const at = random.integer(messages.length + 1);
      const other = others[random.integer(others.length)] ?? new Uint8Array();
      const kind = random.integer(8);
      if (kind === 0) messages.splice(at, 1);
      else if (kind === 1) messages.splice(at, 0, other);
      else if (kind === 2) messages.splice(at, 0, ...messages.slice(at, at + 1 + random.integer(3)));
      else if (kind === 3)
        messages.splice(at, messages.length, ...others.slice(random.integer(others.length + 1)));
      else if (messages[at]) messages[at] = mutate(messages[at], random, other);
    }
    return packSequence(messages);
  };
}
