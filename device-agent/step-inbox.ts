import type { SyncPoint } from '../runtime/collective/partial-frame.ts';
import { type MicroBatch, microBatches } from '../runtime/decoder/micro-batch.ts';
import type { PartialSum, Residual } from '../runtime/decoder/step.ts';
import { HearthError } from '../runtime/error.ts';
import type { Assignment, Leg } from '../runtime/plan/plan.ts';
import { type Frame, packTokens } from '../runtime/protocol/frame.ts';

/** How many syncs of a leg one micro-batch has behind it: partials sent, and answers received. */
interface Exchange {
  sent: number;
  received: number;
}

/**
 * What other ranks have sent to a step before it came to wait for it. They may be ahead by one sync of each micro-batch
 * at most, since the next needs what this rank has not sent: so little is kept, and what cannot be due is refused.
 */
export class StepInbox {
  readonly #assignment: Assignment;
  readonly #layerCount: number;
  readonly #parts: readonly MicroBatch[];
  readonly #frames = new Map<string, Frame>();
  readonly #exchanges = new Map<string, Exchange>();
  /** Residuals that have come. */
  readonly #residuals = new Set<string>();

  constructor(assignment: Assignment, layerCount: number, tokens: number) {
    this.#assignment = assignment;
    this.#layerCount = layerCount;
    this.#parts = microBatches(tokens, assignment.microBatchTokens);
  }

  /** Ranks that add up their partial sums at a sync, this one included. */
  membersAt(syncIndex: number): number {
    return this.#legAt(syncIndex)!.members;
  }

  /** This rank has sent its partial. */
  sent(sum: PartialSum): void {
    this.#exchangeOf(this.#legAt(sum.syncIndex)!, packTokens(sum)).sent += 1;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for what is not due */
  put(frame: Frame): void {
    const isPart = this.#parts.some(
      ({ first, end }) => packTokens({ first, tokens: end - first }) === frame.rows,
    );
    if (!isPart) throw notDue(frame);
    if (frame.type === 'residual') this.#checkResidual(frame);
    else this.#checkSum(frame);
    this.#frames.set(keyOf(frame.type === 'residual', frame.index, frame.rows), frame);
  }

  takeSum(point: SyncPoint): Frame | undefined {
    return this.#take(keyOf(false, point.syncIndex, packTokens(point)));
  }

  takeResidual(residual: Residual): Frame | undefined {
    return this.#take(keyOf(true, residual.layer, packTokens(residual)));
  }

  #take(key: string): Frame | undefined {
    const frame = this.#frames.get(key);
    this.#frames.delete(key);
    return frame;
  }

  #checkResidual(frame: Frame): void {
    const { legs, receivesHead } = this.#assignment;
    const enters = legs.some(({ firstLayer, receives }) => receives && firstLayer === frame.index);
    const key = `${frame.index} ${frame.rows}`;
    if (!(enters || (receivesHead && frame.index === this.#layerCount)) || this.#residuals.has(key))
      throw notDue(frame);
    this.#residuals.add(key);
  }

  /** Of two ranks the other's partial may come before this one's has left; of more, the sum may not. */
  #checkSum(frame: Frame): void {
    const leg = this.#legAt(frame.index);
    const expected = leg?.members === 2 ? 'partial' : 'sum';
    if (!leg || leg.members < 2 || frame.type !== expected) throw notDue(frame);
    const exchange = this.#exchangeOf(leg, frame.rows);
    const ahead = exchange.received - exchange.sent + (expected === 'sum' ? 1 : 0);
    if (frame.index !== 2 * leg.firstLayer + exchange.received || ahead > 0) throw notDue(frame);
    exchange.received += 1;
  }

  #legAt(syncIndex: number): Leg | undefined {
    const layer = syncIndex >> 1;
    return this.#assignment.legs.find(({ firstLayer, endLayer }) => firstLayer <= layer && layer < endLayer);
  }

  #exchangeOf({ firstLayer }: Leg, tokens: number): Exchange {
    const key = `${firstLayer} ${tokens}`;
    const exchange = this.#exchanges.get(key) ?? { sent: 0, received: 0 };
    this.#exchanges.set(key, exchange);
    return exchange;
  }
}

function keyOf(isResidual: boolean, index: number, tokens: number): string {
  return `${isResidual} ${index} ${tokens}`;
}

function notDue({ type, id, index, rows }: Frame): HearthError {
  return new HearthError(
    'PROTOCOL_UNEXPECTED_MESSAGE',
    `a ${type} of step ${id}, index ${index}, rows ${rows} came, which is not due`,
  );
}
