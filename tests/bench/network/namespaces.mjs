import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Companion } from '../companion.mjs';

const program = fileURLToPath(new URL('switch.py', import.meta.url));

/** Hosts that are network namespaces, joined by a switch: real TCP over slow links. Takes root on Linux. */
export class Namespaces {
  #switch;
  #prefix;
  kind = 'namespaces';

  /** @param shared whether all use one half-duplex medium */
  static async open(hostCount, { shared = false } = {}) {
    const network = new Namespaces();
    network.#prefix = `hearth-${process.pid}-`;
    const args = [program, network.#prefix, String(hostCount), ...(shared ? ['--shared'] : [])];
    network.#switch = Companion.start(['python3', ...args]);
    await network.#switch.says(/READY/, 10_000);
    return network;
  }

  /** A command that runs on a host, on one processor of its own if there are as many. */
  command(host, command) {
    return ['ip', 'netns', 'exec', `${this.#prefix}${host}`, ...pinned(host, command)];
  }

  /** What a server on a host binds to, so that others reach it. */
  bindAddress = '0.0.0.0';

  /** Where the other hosts find the server of a host. */
  async addressOf(host, port) {
    return { host: `10.88.0.${host + 1}`, port };
  }

  async setLink(link) {
    this.#switch.write(`${JSON.stringify(link)}\n`);
    await this.#switch.says(/SET/, 10_000);
  }

  async close() {
    await this.#switch.stop();
  }
}

export function pinned(host, command) {
  return ['taskset', '-c', String(host % availableParallelism()), ...command];
}
