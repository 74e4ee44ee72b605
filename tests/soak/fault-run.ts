import { setTimeout as sleep } from 'node:timers/promises';
import type { HearthProcess } from '../support/hearth-process.ts';
import type { House } from '../support/house.ts';
import type { Random } from '../support/random.ts';
import { SlowLink } from '../support/slow-link.ts';
import { ClusterLog } from './cluster-log.ts';
import { type Question, streamed } from './stream.ts';

/** Ways in which a device vanishes: its process ends, stands still, or its network is gone with and without notice. */
export const faultKinds = ['killed', 'stopped', 'silent', 'cut'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One fault, and what the clients' wait for the next token was made of. */
export interface FaultTimes {
  readonly kind: FaultKind;
  /** Until the coordinator knew. */
  readonly detectionMs: number;
  /** Until others had what the device had held. */
  readonly fetchingMs: number;
  /** Until the next token. */
  readonly replayMs: number;
  /** Positions of all answers that were not computed again. */
  readonly kept: number;
}

export interface FaultRunOptions {
  readonly agents: number;
  readonly questions: readonly Question[];
  /** Answers under way at a time. */
  readonly streams: number;
  readonly random: Random;
  readonly serveArgs: readonly string[];
}

interface Agent {
  readonly name: string;
  readonly link: SlowLink;
  process: HearthProcess;
}

const patienceMs = 120_000;

/** A coordinator that computes nothing, agents that vanish one after another, and clients that stream all the while. */
export class FaultRun {
  readonly #house: House;
  readonly #options: FaultRunOptions;
  #agents: Agent[] = [];
  #log!: ClusterLog;
  #expected: string[][] = [];
  #lastTextMs = 0;
  #over = false;
  /** Answers that came whole, and those that were not what they had been undisturbed. */
  answers = 0;
  wrong = 0;

  private constructor(house: House, options: FaultRunOptions) {
    this.#house = house;
    this.#options = options;
  }

  static async start(house: House, options: FaultRunOptions): Promise<FaultRun> {
    const run = new FaultRun(house, options);
    const coordinator = await house.serve('--log-level', 'info', ...options.serveArgs);
    run.#log = new ClusterLog(coordinator);
    for (let i = 0; i < options.agents; i += 1) {
      const link = await SlowLink.open(house.link.targetPort);
      const name = `agent-${i}`;
      run.#agents.push({ name, link, process: house.joinOver(link, name) });
    }
    await coordinator.says(/Ready/, patienceMs);
    await run.#allHere();
    // As in a home where nobody has asked for a while.
    await run.#log.line(({ msg }) => msg.includes('take over from each other'), 0, patienceMs);
    return run;
  }

  /** Asks everything once, undisturbed: what all later answers must be. */
  async learn(): Promise<void> {
    for (const question of this.#options.questions)
      this.#expected.push(await streamed(this.#house.url, question, () => {}));
  }

  /** Lets devices vanish, one after another and each until it is back. */
  async faults(kinds: readonly FaultKind[], onFault: (times: FaultTimes) => void): Promise<void> {
    this.#over = false;
    const clients = Array.from({ length: this.#options.streams }, (_, i) => this.#client(i));
    try {
      for (const kind of kinds) {
        await sleep(this.#options.random.integer(1500));
        onFault(await Promise.race([this.#fault(kind), ...clients.map((client) => client.then(early))]));
      }
    } finally {
      this.#over = true;
    }
    await Promise.all(clients);
  }

  async close(): Promise<void> {
    await this.#house.killAll();
    for (const { link } of this.#agents) await link.close();
  }

  async #client(index: number): Promise<void> {
    const { questions } = this.#options;
    for (let i = index; !this.#over; i += 1) {
      const at = i % questions.length;
      const pieces = await streamed(this.#house.url, questions[at]!, () => {
        this.#lastTextMs = Date.now();
      });
      this.answers += 1;
      if (pieces.join('') !== this.#expected[at]!.join('')) this.wrong += 1;
    }
  }

  async #fault(kind: FaultKind): Promise<FaultTimes> {
    const agent = this.#agents[this.#options.random.integer(this.#agents.length)]!;
    // In the middle of an answer: what a prompt takes is no recovery.
    const fromMs = Date.now();
    while (this.#lastTextMs <= fromMs) await sleep(1);
    const startMs = Date.now();
    this.#harm(kind, agent);
    const left = await this.#log.line(
      ({ msg, device }) => msg === 'a device left' && device === agent.name,
      startMs,
      patienceMs,
    );
    const ready = await this.#log.line(({ msg }) => msg === 'the devices are ready', left.time, patienceMs);
    while (this.#lastTextMs <= ready.time) await sleep(2);
    const times = {
      kind,
      detectionMs: left.time - startMs,
      fetchingMs: ready.time - left.time,
      replayMs: this.#lastTextMs - ready.time,
      kept: ready.kept!.reduce((sum, positions) => sum + positions, 0),
    };
    await this.#mend(kind, agent);
    await this.#allHere();
    return times;
  }

  #harm(kind: FaultKind, { link, process }: Agent): void {
    if (kind === 'killed') process.signal('SIGKILL');
    else if (kind === 'stopped') process.signal('SIGSTOP');
    else if (kind === 'silent') link.block(true);
    else link.cut();
  }

  async #mend(kind: FaultKind, agent: Agent): Promise<void> {
    const { name, link, process } = agent;
    if (kind === 'killed') {
      await this.#house.kill(process);
      agent.process = this.#house.joinOver(link, name);
    } else if (kind === 'stopped') {
      process.signal('SIGCONT');
    } else if (kind === 'silent') {
      link.block(false);
      link.cut();
    }
  }

  /** Waits until all have their part again. */
  async #allHere(): Promise<void> {
    const endMs = Date.now() + patienceMs;
    for (;;) {
      const devices = await this.#house.devices();
      const ready = devices.filter(({ state }) => state === 'ready').length;
      if (ready === this.#options.agents) return;
      if (Date.now() > endMs) throw new Error(`not all came back:\n${JSON.stringify(devices)}`);
      await sleep(50);
    }
  }
}

function early(): never {
  throw new Error('a client came to its end');
}
