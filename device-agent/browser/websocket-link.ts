import { closeCodeOf } from '../../runtime/protocol/close-codes.ts';
import type { Link } from '../link.ts';

/** Time that a coordinator has to take a socket; browsers would wait for minutes. */
const openTimeoutMs = 10_000;

/** A link over a WebSocket of the browser that is about to open: the coordinator speaks first. */
export function websocketLink(url: string): Link {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const timer = setTimeout(() => end(closeCodeOf('LINK_TIMEOUT'), 'nobody answers there'), openTimeoutMs);
  let opened = false;
  let isOver = false;

  const end = (code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    socket.close();
    link.onClose(code, reason);
  };
  const link: Link = {
    send: (frame) => {
      // Sockets take no shared memory.
      if (socket.readyState === WebSocket.OPEN) socket.send(frame as Uint8Array<ArrayBuffer>);
    },
    get backlogBytes() {
      return socket.bufferedAmount;
    },
    close: (code, reason) => {
      if (isOver) return;
      socket.close(code, reason);
      // A browser waits long for the answer of a peer that is gone. Nobody expects to hear of it within the call.
      queueMicrotask(() => end(code, reason));
    },
    onFrame: () => {},
    onClose: () => {},
  };
  socket.onopen = () => {
    opened = true;
    clearTimeout(timer);
  };
  socket.onmessage = ({ data }) => {
    if (isOver) return;
    if (data instanceof ArrayBuffer) link.onFrame(new Uint8Array(data));
    else link.close(closeCodeOf('FRAME_MALFORMED'), 'frames are binary messages');
  };
  socket.onclose = ({ code, reason }) =>
    end(code, reason || (opened ? 'the link broke' : 'the coordinator does not answer'));
  return link;
}
