import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { normalClose } from '../../runtime/protocol/close-codes.ts';
import type { Link } from '../link.ts';

/** The last message of a port, which has no close codes of its own. */
interface Farewell {
  readonly code: number;
  readonly reason: string;
}

/** What a thread that computes waits for its next frame before it returns to its event loop. */
const lingerMs = 1;

/**
 * A link to another thread of this process. Frames are copied, so that one frame may go to several links.
 * @param bell 4 bytes that both ends of the link share
 * @param lingers whether this end stays for the frame that follows: within a step it comes soon, and waiting on the bell
 * is a sync's time less than going through the event loop. Nothing else happens in this thread meanwhile.
 */
export function messagePortLink(port: MessagePort, bell: SharedArrayBuffer, lingers = false): Link {
  const rung = new Int32Array(bell);
  let farewell: Farewell = { code: normalClose, reason: 'the other thread has ended' };
  let open = true;

  const link: Link = {
    send: (frame) => {
      // Cloning a view clones its whole buffer: what is a part of one is cut out first.
      if (!open) return;
      port.postMessage(frame.byteLength === frame.buffer.byteLength ? frame : new Uint8Array(frame));
      if (lingers) return;
      Atomics.add(rung, 0, 1);
      Atomics.notify(rung, 0);
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

  const take = (message: Uint8Array | Farewell): void => {
    if (message instanceof Uint8Array) link.onFrame(message);
    else farewell = message;
  };
  const linger = (): void => {
    while (open) {
      const heard = Atomics.load(rung, 0);
      const next = receiveMessageOnPort(port);
      if (next) take(next.message);
      else if (Atomics.wait(rung, 0, heard, lingerMs) === 'timed-out') return;
    }
  };
  port.on('message', (message: Uint8Array | Farewell) => {
    take(message);
    if (lingers) linger();
  });
  port.once('close', () => {
    open = false;
    link.onClose(farewell.code, farewell.reason);
  });
  return link;
}
