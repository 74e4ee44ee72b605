import type { Logger } from '../../device-agent/logger.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Goal } from '../../runtime/plan/goal.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { narrowLayout, spreadLayout } from '../../runtime/plan/subset.ts';
import type { Arrange, Arrangement } from '../cluster/arrangement.ts';
import type { Member } from '../cluster/member.ts';
import type { Seat } from '../cluster/roster.ts';
import { plannableProfile } from '../probe/device-profile.ts';
import type { PlanReport } from './plan-report.ts';
import type { PlanThread } from './plan-thread.ts';

export interface PlanningOptions {
  readonly thread: Pick<PlanThread, 'plan'>;
  readonly goal: Goal;
  /** For as long as nothing is known of how fast any device is. */
  readonly unmeasured: Arrange;
  readonly logger: Logger;
}

/** What is known of who computes what. */
export interface PlanState {
  /** Undefined where it was said by hand, and before anybody was measured. */
  readonly plan: PlanReport | undefined;
  /** Why there is none for those who are here now. */
  readonly failure: string | undefined;
  /** Devices that stand by because they have not been measured yet. */
  readonly unmeasured: readonly string[];
}

interface Measured {
  readonly seat: Seat;
  readonly profile: DeviceProfile;
}

/** So many previews may wait for each other. */
const mostPreviews = 4;

/** Lets the planner decide who of those who are here computes what; who was not measured yet stands by. */
export class Planning {
  readonly #options: PlanningOptions;
  #report: PlanReport | undefined;
  #failure: string | undefined;
  #previews = 0;

  constructor(options: PlanningOptions) {
    this.#options = options;
  }

  readonly arrange: Arrange = async (seats, present) => {
    const measured = seats.flatMap((seat) => {
      const profile = plannableProfile(seat.member);
      return profile ? [{ seat, profile }] : [];
    });
    if (measured.length === 0) return this.#options.unmeasured(seats, present);
    const report = await this.#plan(measured, present);
    this.#report = report;
    this.#options.logger.info({ plan: report.explanation.summary }, 'planned who computes what');
    return {
      seats: report.parts.map((rank) => measured[rank]!.seat),
      layout: narrowLayout(report.layout, report.parts),
    };
  };

  /** What was decided last, and why. */
  state(members: readonly Member[]): PlanState {
    const unmeasured = members.filter((member) => !plannableProfile(member)).map(({ info }) => info.name);
    return { plan: this.#report, failure: this.#failure, unmeasured };
  }

  /**
   * What would be decided, without deciding it.
   * @param added devices that are not here
   * @throws HearthError SERVER_BUSY; PLAN_NO_DEVICES, MEMORY_EXHAUSTED with the numbers
   */
  async preview(
    members: readonly Member[],
    goal: Goal,
    added: readonly DeviceProfile[],
  ): Promise<PlanReport> {
    if (this.#previews === mostPreviews)
      throw new HearthError('SERVER_BUSY', 'too many previews are waiting; try again a little later');
    this.#previews += 1;
    try {
      const here = members.map(plannableProfile).filter((profile) => profile !== undefined);
      return await this.#options.thread.plan({ devices: [...here, ...added], goal });
    } finally {
      this.#previews -= 1;
    }
  }

  async #plan(measured: readonly Measured[], present: Arrangement | undefined): Promise<PlanReport> {
    const { thread, goal, logger } = this.#options;
    const devices = measured.map(({ profile }) => profile);
    this.#failure = undefined;
    try {
      return await thread.plan({ devices, goal, present: present && layoutAmong(measured, present) });
    } catch (caught) {
      const error = HearthError.of(caught, 'planning failed');
      this.#report = undefined;
      this.#failure = error.message;
      logger.warn({ reason: error.message }, 'no plan was found');
      throw new HearthError('PLAN_NO_DEVICES', error.message, error.fields, error);
    }
  }
}

/** The present layout as one of all measured devices; undefined if one of its own is not among them. */
function layoutAmong(measured: readonly Measured[], { seats, layout }: Arrangement) {
  const ranks = seats.map((seat) => measured.findIndex((one) => one.seat === seat));
  return ranks.includes(-1) ? undefined : spreadLayout(layout, ranks, measured.length);
}
