import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that runs beside this one. */
export class Companion {
  #child;
  #closed;
  #said = '';

  constructor(child) {
    this.#child = child;
    // A program that cannot be started says so in `says`.
    child.on('error', (error) => {
      this.#said += error.message;
    });
    // Its end may come while it is written to.
    child.stdin.on('error', () => {});
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        this.#said += text;
      });
    this.#closed = once(child, 'close').catch(() => {});
  }

  static start([program, ...args], options = {}) {
    return new Companion(spawn(program, args, options));
  }

  get pid() {
    return this.#child.pid;
  }

  write(text) {
    this.#child.stdin.write(text);
  }

  get #hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Waits for a part of what it says, to be forgotten with all before it. @returns the match */
  async says(pattern, timeoutMs = 120_000) {
    for (const endMs = Date.now() + timeoutMs; Date.now() < endMs; await sleep(5)) {
      const ended = this.#hasEnded;
      const match = pattern.exec(this.#said);
      if (match) {
        this.#said = this.#said.slice(match.index + match[0].length);
        return match;
      }
      if (ended) break;
    }
    const signal = this.#child.signalCode;
    throw new Error(
      `it ${signal ? `ended by ${signal} and ` : ''}never said ${pattern}, but: ${this.#said.slice(-2000)}`,
    );
  }

  /** Waits for its end. @returns what it said since it was last listened to; throws if it failed */
  async end(timeoutMs = 600_000) {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await this.#closed;
    clearTimeout(timer);
    if (this.#child.exitCode === 0) return this.#said;
    throw new Error(
      `it ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#said.slice(-2000)}`,
    );
  }

  async stop() {
    if (this.#hasEnded) return;
    this.#child.stdin.end();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#closed;
    clearTimeout(timer);
  }
}
