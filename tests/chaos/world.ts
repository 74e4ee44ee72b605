import { Pairing, type PairingState } from '../../coordinator/pairing/pairing.ts';
import type { Link } from '../../device-agent/link.ts';
import type { Logger } from '../../device-agent/logger.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { newKeyPair } from '../../runtime/secure/cryptography.ts';
import { secret } from '../cluster/test-cluster.ts';
import { Random } from '../support/random.ts';
import { SimClient } from './sim-client.ts';
import { SimCoordinator } from './sim-coordinator.ts';
import { SimDevice } from './sim-device.ts';
import { SimEnd } from './sim-link.ts';
import { SimProcess, SimTime } from './sim-time.ts';

export interface SimConnection {
  readonly device: SimEnd;
  readonly hub: SimEnd;
}

export interface WorldOptions {
  readonly seed: number;
  readonly devices: number;
  readonly clients: number;
  readonly onAnswer: (question: number, tokens: readonly number[]) => void;
}

/** In which all devices have been started. */
export const joinsMs = 3_000;

/** A house in simulated time: its coordinator, devices, clients, and the network between them. */
export class World {
  readonly time = new SimTime();
  readonly random: Random;
  readonly devices: readonly SimDevice[];
  readonly clients: readonly SimClient[];
  coordinator: SimCoordinator;
  /** What cutting a tile takes at present. */
  cutMs = 1;
  /** What went wrong that nothing should make go wrong. */
  readonly failures: string[] = [];
  /** What was logged, and done to the house. */
  readonly trace: string[] = [];
  readonly #pairing: Pairing;
  readonly #cryptography;
  readonly #minDevices: number;
  readonly #links = new Map<SimDevice, Set<SimConnection>>();
  readonly #blocked = new Set<SimDevice>();
  /** Every process that there was. */
  readonly processes: SimProcess[] = [];

  constructor(options: WorldOptions) {
    this.random = new Random(options.seed);
    // Keys are of this world too, so that nothing is another the next time.
    const keys = Random.named(options.seed, 'keys');
    const random = (byteLength: number) => Uint8Array.from({ length: byteLength }, () => keys.integer(256));
    this.#cryptography = { ...nodeCryptography, random };
    let state: PairingState = { identity: newKeyPair(this.#cryptography), devices: [] };
    this.#pairing = new Pairing(
      { read: () => state, write: (next) => (state = next), locked: (task) => task() },
      secret,
    );
    this.#minDevices = 1 + this.random.integer(options.devices);
    this.devices = Array.from({ length: options.devices }, (_, i) => this.newDevice(`device ${i}`));
    this.coordinator = this.#newCoordinator();
    this.clients = Array.from(
      { length: options.clients },
      () => new SimClient(this.random, options.onAnswer, this.fail),
    );
  }

  /** Joins are a while apart, and questions come at once. */
  start(): void {
    for (const device of this.devices)
      this.time.after(this.random.integer(joinsMs), () => this.startDevice(device));
    for (const client of this.clients) client.serve(this.coordinator.scheduler);
  }

  /** @param twin whose keys it has */
  newDevice(name: string, twin?: SimDevice): SimDevice {
    const known = new Set<string>();
    const textOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
    const credentials = twin?.credentials ?? {
      own: newKeyPair(this.#cryptography),
      knows: (coordinator: Uint8Array) => known.has(textOf(coordinator)),
      remember: (coordinator: Uint8Array) => void known.add(textOf(coordinator)),
    };
    return new SimDevice({
      time: this.time,
      name,
      credentials,
      cryptography: this.#cryptography,
      logger: this.#logger(name),
      openLink: (device) => this.#open(device),
      onFailure: this.fail,
    });
  }

  startDevice(device: SimDevice): void {
    device.start();
    this.processes.push(device.process);
  }

  /** Its links are gone. @param isTold whether the coordinator's side hears of it */
  killDevice(device: SimDevice, isTold: boolean, losesTiles: boolean): void {
    device.kill(losesTiles);
    for (const { hub } of this.linksOf(device)) if (isTold) hub.break();
    this.#links.delete(device);
  }

  /** @param isTold whether the devices hear of it before there is another one */
  killCoordinator(isTold: boolean, restartMs: number): void {
    this.coordinator.process.kill();
    const links = [...this.#links.values()].flatMap((all) => [...all]);
    const reset = (): void => {
      for (const { device } of links) device.break();
    };
    if (isTold) reset();
    this.time.after(restartMs, () => {
      reset();
      this.coordinator = this.#newCoordinator();
      for (const client of this.clients) client.serve(this.coordinator.scheduler);
    });
  }

  /** Those that are open, as far as one of the ends knows; the main one first. */
  linksOf(device: SimDevice): SimConnection[] {
    const all = this.#links.get(device) ?? new Set();
    for (const link of all) if (link.device.isClosed && link.hub.isClosed) all.delete(link);
    return [...all];
  }

  /** Nothing passes between a device and the coordinator, and nobody is told. @param ways both by default */
  block(
    device: SimDevice,
    isBlocked: boolean,
    ways: readonly ('device' | 'hub')[] = ['device', 'hub'],
  ): void {
    if (isBlocked) this.#blocked.add(device);
    else this.#blocked.delete(device);
    for (const link of this.linksOf(device)) for (const way of ways) link[way].way.block(isBlocked);
  }

  readonly fail = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.failures.push(`at ${this.time.nowMs} ms: ${text}`);
  };

  note(text: string): void {
    this.trace.push(`${Math.round(this.time.nowMs)} ${text}`);
  }

  #open(device: SimDevice): Link {
    const end = new SimEnd(this.time, device.process);
    const { coordinator } = this;
    const hub = new SimEnd(this.time, coordinator.process);
    hub.onOpen = () => coordinator.accept(hub);
    const delayMs = 0.2 + this.random.integer(120) / 10;
    SimEnd.join(this.time, end, hub, delayMs);
    if (coordinator.process.isDead) this.time.after(delayMs, () => end.break());
    const all = this.#links.get(device) ?? new Set();
    this.#links.set(device, all.add({ device: end, hub }));
    if (this.#blocked.has(device)) this.block(device, true);
    return end;
  }

  #newCoordinator(): SimCoordinator {
    const process = new SimProcess(this.time);
    this.processes.push(process);
    return new SimCoordinator({
      process,
      pairing: this.#pairing,
      cryptography: this.#cryptography,
      logger: this.#logger('coordinator'),
      random: this.random,
      minDevices: this.#minDevices,
      cutMs: () => this.cutMs,
    });
  }

  #logger(who: string): Logger {
    const note = ({ error: _, ...fields }: { error?: unknown }, message: string): void =>
      this.note(`${who}: ${message} ${JSON.stringify(fields)}`);
    return { info: note, warn: note, error: note };
  }
}
