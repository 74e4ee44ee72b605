import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { testKeysFolder } from './keys-folder.ts';

const program = fileURLToPath(new URL('../../dist/coordinator/hearth.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One `hearth` as a user starts it: the built program in a process of its own. */
export class HearthProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    const env = { ...process.env, HEARTH_KEYS: testKeysFolder, ...environment };
    this.#child = spawn(process.execPath, [program, ...args], { env });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#closed = once(this.#child, 'close');
  }

  /** Waits for a line of its output. @returns the match; throws with all output if it does not come in time */
  async says(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    const endMs = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
      if (match) return match;
      if (Date.now() > endMs || this.ended)
        throw new Error(`it never said ${pattern}, but:\n${this.#stdout}\n${this.#stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What it has written to its standard error so far. */
  get log(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Writes to its standard input and ends that. */
  input(text: string): this {
    this.#child.stdin!.end(text);
    return this;
  }

  async finished(): Promise<Finished> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(signal: NodeJS.Signals): Promise<Finished> {
    this.signal(signal);
    return this.finished();
  }
}

export function hearth(...args: readonly string[]): Promise<Finished> {
  return new HearthProcess(args).finished();
}
