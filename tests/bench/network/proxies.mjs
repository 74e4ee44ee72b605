import { DelayProxy } from './delay-proxy.mjs';
import { freeLink } from './link.mjs';
import { pinned } from './namespaces.mjs';

/**
 * Hosts that are this machine, joined by proxies: for those without root. A server is reached by the others through a
 * proxy of its own, which delays what passes.
 */
export class Proxies {
  #link = freeLink;
  #proxies = new Map();
  #shared;
  kind = 'proxies';
  bindAddress = '127.0.0.1';

  static async open(_hostCount, { shared = false } = {}) {
    const network = new Proxies();
    network.#shared = shared;
    return network;
  }

  command(host, command) {
    return process.platform === 'linux' ? pinned(host, command) : command;
  }

  async addressOf(_host, port) {
    const proxy =
      this.#proxies.get(port) ?? (await DelayProxy.before(port, () => this.#link, { shared: this.#shared }));
    this.#proxies.set(port, proxy);
    return { host: '127.0.0.1', port: proxy.port };
  }

  /** What has passed from any host to another. */
  get bytes() {
    return [...this.#proxies.values()].reduce((sum, { bytes }) => sum + bytes.up + bytes.down, 0);
  }

  async setLink(link) {
    this.#link = link;
  }

  async close() {
    for (const proxy of this.#proxies.values()) await proxy.close();
  }
}
