import { setTimeout as sleep } from 'node:timers/promises';
import type { HearthProcess } from '../support/hearth-process.ts';

/** One line of what a coordinator logs. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly msg: string;
  readonly device?: string;
  readonly reason?: string;
  /** First positions of each slot that need not be computed again. */
  readonly kept?: readonly number[];
}

/** Follows what a coordinator logs. */
export class ClusterLog {
  readonly #process: HearthProcess;
  #read = 0;
  #lines: LogLine[] = [];

  constructor(process: HearthProcess) {
    this.#process = process;
  }

  /** Waits for a line that was written at or after a time. */
  async line(fits: (line: LogLine) => boolean, fromMs: number, timeoutMs: number): Promise<LogLine> {
    const endMs = Date.now() + timeoutMs;
    for (;;) {
      this.#take();
      const found = this.#lines.find((line) => line.time >= fromMs && fits(line));
      if (found) return found;
      if (Date.now() > endMs)
        throw new Error(`not logged since ${fromMs}: ${fits}\n${this.#process.log.slice(-3000)}`);
      await sleep(10);
    }
  }

  #take(): void {
    const { log } = this.#process;
    const end = log.lastIndexOf('\n') + 1;
    for (const line of log.slice(this.#read, end).split('\n'))
      if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine);
    this.#read = end;
  }
}
