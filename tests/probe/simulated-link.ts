import type { Clock } from '../../device-agent/clock.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import type { ProbedLink } from '../../device-agent/probe/burst-sender.ts';
import type { MeasureDevice } from '../../device-agent/probe/measure.ts';
import { ProbeAnswers } from '../../device-agent/probe/probe-answers.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { isProbe } from '../../runtime/protocol/probe-messages.ts';
import { settle } from '../cluster/fake-clock.ts';

/** Time that goes from one event to the next. */
export class Simulation implements Clock {
  #nowMs = 0;
  #events: { readonly atMs: number; readonly task: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  soon(task: () => void): void {
    this.at(this.#nowMs, task);
  }

  at(atMs: number, task: () => void): void {
    this.#events.push({ atMs, task });
  }

  every(periodMs: number, task: () => void): () => void {
    let stopped = false;
    const again = (): void => {
      if (stopped) return;
      this.at(this.#nowMs + periodMs, again);
      task();
    };
    this.at(this.#nowMs + periodMs, () => !stopped && again());
    return () => {
      stopped = true;
    };
  }

  /** Lets everything happen that is due until then. */
  async run(untilMs: number): Promise<void> {
    await settle();
    for (;;) {
      this.#events.sort((a, b) => a.atMs - b.atMs);
      if (!(this.#events[0] && this.#events[0].atMs <= untilMs)) break;
      const { atMs, task } = this.#events.shift()!;
      this.#nowMs = Math.max(this.#nowMs, atMs);
      task();
      await Promise.resolve();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

/** One way of a link: what is sent waits for what was sent before, then travels. */
export class SimulatedWay {
  readonly sent: { readonly atMs: number; readonly message: ControlMessage }[] = [];
  bytesPerSecond: number;
  delayMs: number;
  readonly #clock: Simulation;
  #freeMs = 0;
  deliver: (message: ControlMessage) => void = () => {};

  constructor(clock: Simulation, bytesPerSecond: number, delayMs: number) {
    this.#clock = clock;
    this.bytesPerSecond = bytesPerSecond;
    this.delayMs = delayMs;
  }

  /** As who sends over it sees it. */
  get end(): ProbedLink {
    return {
      clock: this.#clock,
      send: (message) => this.#send(message),
      backlogBytes: () => (Math.max(0, this.#freeMs - this.#clock.nowMs()) * this.bytesPerSecond) / 1000,
    };
  }

  #send(message: ControlMessage): void {
    this.sent.push({ atMs: this.#clock.nowMs(), message });
    const onTheWireMs = (1000 * encodeControl(message).length) / this.bytesPerSecond;
    this.#freeMs = Math.max(this.#freeMs, this.#clock.nowMs()) + onTheWireMs;
    this.#clock.at(this.#freeMs + this.delayMs, () => this.deliver(message));
  }
}

/** A device at the other end, which answers as a session does. */
export function simulatedDevice(down: SimulatedWay, up: SimulatedWay, measure?: MeasureDevice): ProbeAnswers {
  const answers = new ProbeAnswers({ ...up.end, measure, logger: silentLogger });
  down.deliver = (message) => {
    if (message.type === 'ping') up.end.send({ type: 'pong', id: message.id });
    else if (isProbe(message)) answers.answer(message);
  };
  return answers;
}
