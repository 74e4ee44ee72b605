import { encodePlanes } from '../runtime/collective/partial-frame.ts';
import type { PlaneCodec } from '../runtime/collective/plane-codec.ts';
import { reduceInPlace } from '../runtime/collective/rank-sync.ts';
import { encodeResidual, takeResidual } from '../runtime/collective/residual-frame.ts';
import type { ExchangeEvent, PartialSum } from '../runtime/decoder/step.ts';
import { operations } from '../runtime/profile/operations.ts';
import type { Recorder } from '../runtime/profile/recorder.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import type { StepInbox } from './step-inbox.ts';
import { widePacking } from './wide-packing.ts';

/** One step's traffic with other ranks: what it yields becomes frames, and frames what it waits for. */
export class StepExchange {
  readonly #stepId: number;
  readonly #inbox: StepInbox;
  readonly #codecs: { codecOf(syncIndex: number): PlaneCodec };
  readonly #send: (frame: Uint8Array) => void;
  readonly #recorder: Recorder;
  readonly #showsSums: boolean;

  /**
   * @param codecs tell for each sync who packs its sums
   * @param showsSums whether to send those too that no other rank needs
   */
  constructor(
    stepId: number,
    inbox: StepInbox,
    codecs: { codecOf(syncIndex: number): PlaneCodec },
    send: (frame: Uint8Array) => void,
    recorder: Recorder,
    showsSums: boolean,
  ) {
    this.#stepId = stepId;
    this.#inbox = inbox;
    this.#codecs = codecs;
    this.#send = send;
    this.#recorder = recorder;
    this.#showsSums = showsSums;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  put(frame: Frame): void {
    this.#inbox.put(frame);
  }

  /**
   * Does what the rank has asked for.
   * @returns whether the rank can go on; if not, what it waits for has not come
   * @throws HearthError FRAME_MALFORMED
   */
  answer(event: ExchangeEvent): boolean {
    if (event.kind === 'sync') {
      if (this.#showsSums) this.#show(event.sum);
      return true;
    }
    if (event.kind === 'sendSum' || event.kind === 'sendResidual') this.#dispatch(event);
    else if (!this.#await(event)) return false;
    this.#recorder.mark(operations.exchange);
    return true;
  }

  #show(sum: PartialSum): void {
    this.#send(encodePlanes('partial', { stepId: this.#stepId, ...sum }, sum, widePacking));
  }

  #dispatch(event: ExchangeEvent): void {
    if ('residual' in event) {
      this.#send(encodeResidual(this.#stepId, event.residual));
      return;
    }
    const { sum } = event;
    const codec = this.#codecs.codecOf(sum.syncIndex);
    this.#send(encodePlanes('partial', { stepId: this.#stepId, ...sum }, sum, codec));
    this.#inbox.sent(sum);
  }

  #await(event: ExchangeEvent): boolean {
    if ('residual' in event) {
      const frame = this.#inbox.takeResidual(event.residual);
      if (frame) takeResidual(event.residual, frame);
      return frame !== undefined;
    }
    const { sum } = event;
    const point = { stepId: this.#stepId, ...sum };
    const frame = this.#inbox.takeSum(point);
    if (!frame) return false;
    const members = this.#inbox.membersAt(sum.syncIndex);
    reduceInPlace(sum, point, frame, members, this.#codecs.codecOf(sum.syncIndex));
    return true;
  }
}
