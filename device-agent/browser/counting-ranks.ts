import { tokenCount } from '../../runtime/decoder/step.ts';
import type { CreateRank, RankHost } from '../create-rank.ts';
import type { WorkReport } from './driver-messages.ts';

/** Counts what ranks do, for who watches the page. */
export class CountingRanks {
  readonly create: CreateRank;
  #steps = 0;
  #tokens = 0;
  #tiles = 0;
  #host: RankHost | undefined;
  /** The host behind each that was given out. */
  readonly #behind = new WeakMap<RankHost, RankHost>();

  constructor(create: CreateRank) {
    this.create = (setup, previous) => {
      this.#host = undefined;
      const host = create(setup, previous && this.#behind.get(previous));
      const { rank } = host;
      this.#tiles = setup.assignment.tileIds.length;
      this.#host = host;
      const counted = {
        codecOf: (syncIndex: number) => rank.codecOf(syncIndex),
        release: (slot: number) => rank.release(slot),
        kvTileIds: rank.kvTileIds,
        kvRun: (...args: Parameters<typeof rank.kvRun>) => rank.kvRun(...args),
        restoreKvRuns: (...args: Parameters<typeof rank.restoreKvRuns>) => rank.restoreKvRuns(...args),
        step: (...args: Parameters<typeof rank.step>) => {
          this.#steps += 1;
          this.#tokens += tokenCount(args[0]);
          return rank.step(...args);
        },
      };
      const counting: RankHost = {
        rank: counted,
        profile: host.profile,
        load: (report) => host.load(report),
        deliver: (tile) => host.deliver(tile),
        memory: () => host.memory(),
        close: () => {
          if (this.#host === host) this.#host = undefined;
          host.close();
        },
      };
      this.#behind.set(counting, host);
      return counting;
    };
  }

  get work(): WorkReport {
    const host = this.#host;
    return {
      steps: this.#steps,
      tokens: this.#tokens,
      tiles: host ? this.#tiles : 0,
      memory: host?.memory(),
    };
  }
}
