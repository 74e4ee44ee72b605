import type { Link } from '../../device-agent/link.ts';
import type { SimProcess, SimTime } from './sim-time.ts';

/** As long as a WebSocket waits for the other side to agree that it is closed. */
const closeTimeoutMs = 2_000;

type Message = Uint8Array | 'open' | { readonly code: number; readonly reason: string };

/** One way of a link: in order, later by its delay, and not at all while it is blocked. */
class Way {
  delayMs: number;
  readonly #time: SimTime;
  readonly #deliver: (message: Message) => void;
  readonly #held: Message[] = [];
  #isBlocked = false;
  #lastMs = 0;

  constructor(time: SimTime, delayMs: number, deliver: (message: Message) => void) {
    this.#time = time;
    this.delayMs = delayMs;
    this.#deliver = deliver;
  }

  get heldBytes(): number {
    return this.#held.reduce((sum, message) => sum + (message instanceof Uint8Array ? message.length : 0), 0);
  }

  send(message: Message): void {
    if (this.#isBlocked) {
      this.#held.push(message);
      return;
    }
    // What was sent before arrives before.
    this.#lastMs = Math.max(this.#lastMs, this.#time.nowMs + this.delayMs);
    this.#time.after(this.#lastMs - this.#time.nowMs, () => this.#deliver(message));
  }

  /** What is sent meanwhile arrives afterwards, as TCP has it. */
  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked;
    if (!isBlocked) for (const message of this.#held.splice(0)) this.send(message);
  }
}

/** One end, at a process. */
export class SimEnd implements Link {
  readonly process: SimProcess;
  readonly #time: SimTime;
  #out!: Way;
  #state: 'open' | 'closing' | 'closed' = 'open';
  onFrame: Link['onFrame'] = () => {};
  onClose: Link['onClose'] = () => {};
  /** The other end's knock has come. */
  onOpen: () => void = () => {};

  constructor(time: SimTime, process: SimProcess) {
    this.#time = time;
    this.process = process;
  }

  /** A link that one of two ends opens. */
  static join(time: SimTime, opener: SimEnd, other: SimEnd, delayMs: number): void {
    opener.#out = new Way(time, delayMs, (message) => other.#arrive(message));
    other.#out = new Way(time, delayMs, (message) => opener.#arrive(message));
    opener.#out.send('open');
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get way(): Way {
    return this.#out;
  }

  get backlogBytes(): number {
    return this.#out.heldBytes;
  }

  send(frame: Uint8Array): void {
    if (this.#state === 'open') this.#out.send(frame.slice());
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#out.send({ code, reason });
    this.#time.after(closeTimeoutMs, () => this.#closed(1006, ''));
  }

  /** The network has it that this end's connection is no more; the other may not know. */
  break(): void {
    this.#closed(1006, 'the connection was reset');
  }

  #arrive(message: Message): void {
    this.process.run(() => {
      if (this.#state === 'closed') return;
      if (typeof message === 'object' && 'code' in message) {
        if (this.#state === 'open') this.#out.send(message);
        this.#closed(message.code, message.reason);
      } else if (message === 'open') this.onOpen();
      // As with WebSockets, also while this end waits for the other to agree that it is over.
      else this.onFrame(message);
    });
  }

  #closed(code: number, reason: string): void {
    this.process.run(() => {
      if (this.#state === 'closed') return;
      this.#state = 'closed';
      this.onClose(code, reason);
    });
  }
}
