import { WebSocket } from 'ws';
import { closeCodeOf, closeReasonOf, normalClose } from '../../runtime/protocol/close-codes.ts';
import type { Link } from '../link.ts';

/** Time that a peer has to answer a close before its socket is destroyed. */
const closeTimeoutMs = 2_000;

/**
 * A link over an open WebSocket, of either side. `ws` has switched Nagle's algorithm off. It reads one frame per
 * binary message; a text message is malformed.
 */
export function websocketLink(socket: WebSocket): Link {
  let failure: { code: number; reason: string } | undefined;

  const link: Link = {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame, { binary: true });
    },
    get backlogBytes() {
      return socket.bufferedAmount;
    },
    close: (code, reason) => {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.close(code, reason);
      const timer = setTimeout(() => socket.terminate(), closeTimeoutMs);
      socket.once('close', () => clearTimeout(timer));
    },
    onFrame: () => {},
    onClose: () => {},
  };

  socket.on('message', (data, isBinary) => {
    if (!isBinary) link.close(closeCodeOf('FRAME_MALFORMED'), 'frames are binary messages');
    // With the default binaryType a message is one Buffer, a list only with 'fragments'.
    else link.onFrame(data as Buffer);
  });
  socket.on('error', (error) => {
    // `ws` closes after an error; a message over maxPayload arrives here too.
    failure = { code: closeCodeOf('INTERNAL'), reason: closeReasonOf(error.message) };
  });
  socket.once('close', (code, reason) => {
    const end = failure ?? { code: code === 1005 ? normalClose : code, reason: reason.toString() };
    link.onClose(end.code, end.reason);
  });
  return link;
}
