import type { Link } from '../../../device-agent/link.ts';

/** One end of a link whose other end is the input. */
export interface OneEnd extends Link {
  /** Frames that this end has sent. */
  readonly sent: Uint8Array[];
  isClosed: boolean;
  /** Hands frames over and closes the link. @returns what comes of the promise that reads them */
  hear<T>(frames: readonly Uint8Array[], reading: Promise<T>): Promise<T>;
}

export function oneEnd(): OneEnd {
  const link: OneEnd = {
    sent: [],
    isClosed: false,
    backlogBytes: 0,
    send: (frame) => void link.sent.push(frame.slice()),
    close: (code, reason) => {
      if (link.isClosed) return;
      link.isClosed = true;
      queueMicrotask(() => link.onClose(code, reason));
    },
    onFrame: () => {},
    onClose: () => {},
    hear: async (frames, reading) => {
      // Who reads has not failed before the first frame.
      const end = reading.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      for (const frame of frames) {
        if (link.isClosed) break;
        link.onFrame(frame);
        await Promise.resolve();
      }
      link.close(1000, 'the input ended');
      const ended = await end;
      if ('error' in ended) throw ended.error;
      return ended.value;
    },
  };
  return link;
}
