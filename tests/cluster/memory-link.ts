import type { Link } from '../../device-agent/link.ts';

/** One end of a link in memory, with what a test needs to break it. */
export interface MemoryLink extends Link {
  /** Frames that this end has sent. */
  readonly sent: Uint8Array[];
  backlogBytes: number;
  /** As if the network were gone: nothing passes any more, nobody is told. */
  silent: boolean;
  /** As if the process had been killed: both ends hear of it. */
  cut(): void;
}

/** Two ends of one link; frames and closes arrive in later microtasks, in order. */
export function memoryLinkPair(): [MemoryLink, MemoryLink] {
  let open = true;
  const end = (other: () => MemoryLink): MemoryLink => {
    const link: MemoryLink = {
      sent: [],
      backlogBytes: 0,
      silent: false,
      send: (frame) => {
        if (!open) return;
        link.sent.push(new Uint8Array(frame));
        // The other end's own, which it may change.
        const copy = new Uint8Array(frame);
        queueMicrotask(() => {
          if (!link.silent && !other().silent) other().onFrame(copy);
        });
      },
      close: (code, reason) => shut(code, reason),
      cut: () => shut(1006, ''),
      onFrame: () => {},
      onClose: () => {},
    };
    return link;
  };
  const shut = (code: number, reason: string): void => {
    if (!open) return;
    open = false;
    queueMicrotask(() => {
      a.onClose(code, reason);
      b.onClose(code, reason);
    });
  };
  const a: MemoryLink = end(() => b);
  const b: MemoryLink = end(() => a);
  return [a, b];
}
