import type { MessagePort } from 'node:worker_threads';
import { normalClose } from '../../runtime/protocol/close-codes.ts';
import type { Link } from '../link.ts';

/** The last message of a port, which has no close codes of its own. */
interface Farewell {
  readonly code: number;
  readonly reason: string;
}

/** A link to another thread of this process. Frames are copied, so that one frame may go to several links. */
export function messagePortLink(port: MessagePort): Link {
  let farewell: Farewell = { code: normalClose, reason: 'the other thread has ended' };
  let open = true;

  const link: Link = {
    send: (frame) => {
      // Cloning a view clones its whole buffer: what is a part of one is cut out first.
      if (open)
        port.postMessage(frame.byteLength === frame.buffer.byteLength ? frame : new Uint8Array(frame));
    },
    // A port takes all at once.
    backlogBytes: 0,
    close: (code, reason) => {
      if (!open) return;
      open = false;
      port.postMessage({ code, reason } satisfies Farewell);
      port.close();
    },
    onFrame: () => {},
    onClose: () => {},
  };

  port.on('message', (message: Uint8Array | Farewell) => {
    if (message instanceof Uint8Array) link.onFrame(message);
    else farewell = message;
  });
  port.once('close', () => {
    open = false;
    link.onClose(farewell.code, farewell.reason);
  });
  return link;
}
