/**
 * A two-way channel of whole frames, in order, to one peer: a WebSocket, a MessagePort, a pair in memory.
 * Whoever uses a link sets both handlers in the task in which it gets the link; nothing arrives before.
 */
export interface Link {
  /** Takes the bytes as they are now; does nothing once the link is closed. */
  send(frame: Uint8Array): void;
  /** Bytes that were sent and still wait in this process for the transport to take them. */
  readonly backlogBytes: number;
  /** Closes both ways, once what was sent has left; `onClose` follows on both sides. */
  close(code: number, reason: string): void;
  onFrame: (frame: Uint8Array) => void;
  /** Called once. @param code of `close-codes.ts`, or what the transport reports of its own */
  onClose: (code: number, reason: string) => void;
}
