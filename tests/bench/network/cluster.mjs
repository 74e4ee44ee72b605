import { spawn } from 'node:child_process';
import { Companion } from '../companion.mjs';
import { MemoryGroup } from '../memory-group.mjs';

/** Hosts of a network, on which one engine runs at a time. */
export class Cluster {
  network;
  hosts;
  /** What all programs of a host get together; undefined if that is not limited. */
  limitBytes;
  #groups = [];

  /** @param limitBytes takes root */
  constructor(network, hosts, limitBytes) {
    this.network = network;
    this.hosts = hosts;
    this.limitBytes = limitBytes;
  }

  /** Starts a program on a host, on the host's processor. */
  start(host, command, options = {}) {
    const [program, ...args] = this.network.command(host, command);
    if (this.limitBytes === undefined) return new Companion(spawn(program, args, options));
    this.#groups[host] ??= new MemoryGroup(`host-${host}`, this.limitBytes);
    return new Companion(this.#groups[host].spawn(program, args, options));
  }

  /** Starts a program on a host that is no part of what is measured: it takes nothing of the host's memory. */
  startBeside(host, command) {
    const [program, ...args] = this.network.command(host, command);
    return new Companion(spawn(program, args));
  }

  /** When all its programs have ended. */
  async close() {
    for (const group of this.#groups) await group?.close();
  }
}
