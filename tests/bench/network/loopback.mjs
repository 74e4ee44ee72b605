/** Hosts that are this machine as it is: nothing between them, and no processor of their own. */
export class Loopback {
  kind = 'loopback';
  bindAddress = '127.0.0.1';

  command(_host, command) {
    return command;
  }

  async addressOf(_host, port) {
    return { host: '127.0.0.1', port };
  }
}
