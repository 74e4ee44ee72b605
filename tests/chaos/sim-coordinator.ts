import { admit } from '../../coordinator/cluster/admit.ts';
import type { Arrange } from '../../coordinator/cluster/arrangement.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import { greet, notPaired, type Purpose } from '../../coordinator/cluster/greet.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { pipelineLayout, tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import { Sessions } from '../../coordinator/cluster/sessions.ts';
import type { TileSupply } from '../../coordinator/cluster/tile-supply.ts';
import type { Pairing } from '../../coordinator/pairing/pairing.ts';
import { Scheduler } from '../../coordinator/scheduler/scheduler.ts';
import { once } from '../../device-agent/clock.ts';
import type { Link } from '../../device-agent/link.ts';
import type { Logger } from '../../device-agent/logger.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Cryptography } from '../../runtime/secure/cryptography.ts';
import { fakeModel } from '../cluster/fake-model.ts';
import { testCluster } from '../cluster/test-cluster.ts';
import { hostMath } from '../sampling/fixtures.ts';
import type { Random } from '../support/random.ts';
import { numbers } from './questions.ts';
import type { SimEnd } from './sim-link.ts';
import type { SimProcess } from './sim-time.ts';

export interface SimCoordinatorOptions {
  readonly process: SimProcess;
  /** What outlives a coordinator: who it is and whom it knows. */
  readonly pairing: Pairing;
  readonly cryptography: Cryptography;
  readonly logger: Logger;
  readonly random: Random;
  readonly minDevices: number;
  /** What cutting a tile takes at present. */
  readonly cutMs: () => number;
}

/** Longer than all that goes wrong: who waits gets an answer. */
const patienceMs = 3_600_000;

/** A coordinator in simulated time: a real cluster and scheduler, and a door for links. */
export class SimCoordinator {
  readonly process: SimProcess;
  readonly cluster: Cluster;
  readonly scheduler: Scheduler;
  readonly #options: SimCoordinatorOptions;
  readonly #sessions = new Sessions();

  constructor(options: SimCoordinatorOptions) {
    const { process: clock, logger, minDevices, random } = options;
    this.process = clock;
    this.#options = options;
    this.cluster = testCluster({
      clock,
      logger,
      minDevices,
      deviceWaitMs: patienceMs,
      tiles: this.#slowTiles(),
      tileWindowBytes: 1 << (10 + random.integer(8)),
      arrange: this.#arrange(),
      // With one, answers go on while it is decided.
      ...(random.integer(2) && {
        stopgap: ({ seats }, here) => {
          const staying = seats.filter((seat) => here.includes(seat));
          return staying.length > 0 ? { seats: staying, layout: tensorLayout(2)(staying) } : undefined;
        },
      }),
      onReset: (kept) => this.scheduler.cachesLost(kept),
    });
    this.scheduler = new Scheduler({
      runner: this.cluster,
      vocabulary: numbers,
      math: hostMath,
      clock,
      maxReplays: 10_000,
    });
  }

  /** Takes in who proves to be paired or to know the secret, or attaches a link to a session. */
  accept(end: SimEnd): void {
    const { pairing, cryptography, process: clock } = this.#options;
    const options = {
      guests: pairing,
      tileKeyOf: (session: Uint8Array) => this.#sessions.tileKeyOf(session),
      cryptography,
      softwareVersion: '0.1.0',
      clock,
    };
    greet<void>(end, options, async (sealed, purpose) => {
      if (purpose.type === 'attach') this.#sessions.attach(purpose.session, sealed);
      else this.cluster.add(await this.#admit(sealed, purpose));
    }).catch((error: unknown) => {
      if (!(error instanceof HearthError) || error.code === 'INTERNAL') throw error;
      this.#options.logger.warn({ reason: error.message }, 'a device could not join');
    });
  }

  async #admit(link: Link, { device, isNew }: Extract<Purpose, { type: 'join' }>): Promise<Member> {
    const { pairing, process: clock } = this.#options;
    let tileKey = new Uint8Array() as Uint8Array;
    const member = await admit(link, {
      linkKind: 'websocket',
      clock,
      tileLinkWaitMs: 5_000,
      onJoin: ({ name }, key) => {
        tileKey = key.tileKey;
        if (isNew) pairing.add({ name, publicKey: device, pairedAt: new Date(0) });
        else if (!pairing.knows(device)) throw notPaired();
      },
    });
    this.#sessions.add({ member, device, tileKey });
    return member;
  }

  #slowTiles(): TileSupply {
    const { cutTile } = fakeModel();
    return {
      cut: async (spec) => {
        await this.#pause(this.#options.cutMs());
        const bytes = await cutTile(spec);
        return { bytes, hash: nodeSha256(bytes) };
      },
    };
  }

  /** As a planner would: it takes its time, and comes to other layouts for other companies. */
  #arrange(): Arrange {
    const { random } = this.#options;
    const planMs = random.integer(3) * 400;
    const isPiped = random.integer(2) === 1;
    return async (seats) => {
      if (planMs > 0) await this.#pause(random.integer(planMs));
      const layoutOf = isPiped && seats.length === 2 ? pipelineLayout(2) : tensorLayout(2);
      return { seats, layout: layoutOf(seats) };
    };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => once(this.process, ms, resolve));
  }
}
