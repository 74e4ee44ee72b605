/** How often a terminal is told of something that changes with every call. */
const redrawMs = 250;

/** Says on stderr how far a long task is: a bar that redraws itself on a terminal, plain lines in a pipe. */
export class Progress {
  readonly #label: string;
  readonly #stream: NodeJS.WriteStream;
  #shownPercent = -1;
  #shownMs = 0;

  constructor(label: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#label = label;
    this.#stream = stream;
  }

  /** @param detail what else to say, such as how long it will take; asked for when it is shown */
  update(done: number, total: number, detail: () => string = () => ''): void {
    const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
    const isDue = this.#stream.isTTY
      ? percent !== this.#shownPercent || performance.now() > this.#shownMs + redrawMs
      : // A pipe gets a line at each quarter.
        percent >= this.#shownPercent + 25 || (done >= total && percent !== this.#shownPercent);
    if (!isDue || this.#shownPercent === 100) return;
    this.#shownPercent = percent;
    this.#shownMs = performance.now();
    const text = detail();
    if (this.#stream.isTTY) this.#draw(percent, text);
    else this.#stream.write(`${this.#label} ${percent}%${text && `, ${text}`}\n`);
  }

  /** Leaves the line of a task that ends before it is done. */
  end(): void {
    if (this.#stream.isTTY && this.#shownPercent >= 0 && this.#shownPercent < 100) this.#stream.write('\n');
    this.#shownPercent = 100;
  }

  #draw(percent: number, text: string): void {
    const width = 24;
    const filled = Math.round((percent / 100) * width);
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
    // What a longer line has left is cleared (ECMA-48 EL).
    this.#stream.write(`\r${this.#label} ${bar} ${percent}% ${text}\x1b[K${percent === 100 ? '\n' : ''}`);
  }
}
