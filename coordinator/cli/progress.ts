/** Says on stderr how far a long task is: a bar that redraws itself on a terminal, plain lines in a pipe. */
export class Progress {
  readonly #label: string;
  readonly #stream: NodeJS.WriteStream;
  #shownPercent = -1;

  constructor(label: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#label = label;
    this.#stream = stream;
  }

  update(done: number, total: number): void {
    const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
    // A pipe gets a line at each quarter, a terminal every percent.
    const step = this.#stream.isTTY ? 1 : 25;
    if (percent < this.#shownPercent + step && done < total) return;
    if (percent === this.#shownPercent) return;
    this.#shownPercent = percent;
    if (this.#stream.isTTY) this.#draw(percent);
    else this.#stream.write(`${this.#label} ${percent}%\n`);
  }

  #draw(percent: number): void {
    const width = 24;
    const filled = Math.round((percent / 100) * width);
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
    this.#stream.write(`\r${this.#label} ${bar} ${percent}%${percent === 100 ? '\n' : ''}`);
  }
}
