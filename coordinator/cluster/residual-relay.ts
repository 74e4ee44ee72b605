import type { Delivery } from '../../runtime/collective/star-reducer.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ResidualRoute } from '../../runtime/plan/residual-routes.ts';
import { encodeFrame, type Frame, packTokens } from '../../runtime/protocol/frame.ts';

/** A micro-batch, and how many of its tokens' rows go this way. */
export interface RelayPart {
  readonly first: number;
  readonly tokens: number;
  readonly rows: number;
}

/** The hub's part in passing the residual from one rank on to others. */
export class ResidualRelay {
  readonly route: ResidualRoute;
  readonly #hiddenSize: number;
  #stepId = -1;
  /** Those that have not come. */
  #due: readonly RelayPart[] = [];

  constructor(route: ResidualRoute, hiddenSize: number) {
    this.route = route;
    this.#hiddenSize = hiddenSize;
  }

  /** Whether all of a step have passed. */
  get finished(): boolean {
    return this.#due.length === 0;
  }

  /** Starts a step; what was left of the one before is forgotten. @param parts those without rows are not sent */
  begin(stepId: number, parts: readonly RelayPart[]): void {
    this.#stepId = stepId;
    this.#due = parts.filter(({ rows }) => rows > 0);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED */
  receive(rank: number, { payload, ...header }: Frame): Delivery[] {
    const { sender, receivers, layer } = this.route;
    const [part, ...rest] = this.#due;
    const isDue = part !== undefined && header.rows === packTokens(part) && header.id === this.#stepId;
    if (rank !== sender || !isDue)
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `rank ${rank} sent the residual of tokens ${header.rows} before layer ${layer}, which is not due from it`,
      );
    const expectedBytes = part.rows * this.#hiddenSize * 4;
    if (payload.length !== expectedBytes)
      throw new HearthError(
        'FRAME_MALFORMED',
        `rank ${rank} sent a residual of ${payload.length} bytes, expected ${expectedBytes}`,
      );
    this.#due = rest;
    return [{ ranks: receivers, frame: encodeFrame(header, payload) }];
  }
}
