import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../device-agent/clock.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { narrowLayout } from '../../runtime/plan/subset.ts';
import { type Arrange, type Arrangement, isSameArrangement } from '../cluster/arrangement.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Seat } from '../cluster/roster.ts';

/** For slow links and large models. */
const loadTimeoutMs = 1_800_000;
const pollMs = 20;

/** Has a cluster share its work as it is told; before that, nobody computes. */
export class ToldArrangement {
  readonly #clock: Clock;
  #seats: readonly Seat[] = [];
  #told: { readonly layout: Layout; readonly ranks: readonly number[] } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly arrange: Arrange = async (seats) => {
    this.#seats = seats;
    const told = this.#arrangement();
    if (!told) throw new HearthError('PLAN_NO_DEVICES', 'devices that are to be compared are not here');
    return told;
  };

  /**
   * Resolves once a cluster computes so.
   * @param layout of all who are here, `ranks` being those with a part
   * @throws HearthError PLAN_NO_DEVICES if one of them has left; LINK_TIMEOUT
   */
  async use(cluster: Cluster, layout: Layout, ranks: readonly number[]): Promise<void> {
    this.#told = { layout: narrowLayout(layout, ranks), ranks };
    cluster.reconsider();
    const endMs = this.#clock.nowMs() + loadTimeoutMs;
    for (;;) {
      await cluster.whenReady(0);
      const [present, wanted] = [cluster.arrangement, this.#arrangement()];
      if (present && wanted && isSameArrangement(present, wanted)) return;
      if (this.#clock.nowMs() >= endMs)
        throw new HearthError('LINK_TIMEOUT', 'the devices did not get their tiles in time');
      await sleep(pollMs);
    }
  }

  #arrangement(): Arrangement | undefined {
    const seats = this.#told?.ranks.map((rank) => this.#seats[rank]);
    if (!seats?.every((seat) => seat !== undefined)) return undefined;
    return { seats, layout: this.#told!.layout };
  }
}
