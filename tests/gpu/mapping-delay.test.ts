import { describe, expect, test } from 'vitest';
import { MappingDelay } from '../../runtime/gpu/mapping-delay.ts';

/** A browser in which a mapping that has to wait is seen to every `pollMs`, and one that is due takes `quickMs`. */
class Browser {
  ms = 0;
  readonly #pollMs: number;

  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  nowMs = () => this.ms;

  async wait(milliseconds: number): Promise<void> {
    this.ms += Math.max(milliseconds, 0.01);
  }

  /** @returns from submission to result */
  async round(delay: MappingDelay, workMs: number): Promise<number> {
    const began = this.ms;
    await delay.pass(this);
    const asked = this.ms;
    const isDue = asked - began >= workMs;
    this.ms = isDue ? asked + 0.1 : began + workMs + this.#pollMs;
    delay.mapped(asked, this.ms);
    return this.ms - began;
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('MappingDelay', () => {
  test.each([0.5, 1, 4])('finds when work of %d ms is due', async (workMs) => {
    const browser = new Browser(2.5);
    const delay = new MappingDelay();
    // What is due at once shows how quick a mapping is.
    await browser.round(delay, 0);
    const early = await browser.round(delay, workMs);
    const times: number[] = [];
    for (let i = 0; i < 200; i += 1) times.push(await browser.round(delay, workMs));
    expect(mean(times.slice(100))).toBeLessThan(workMs + 0.4 * (early - workMs));
  });

  test('asks at once where a mapping comes as soon as the work is done', async () => {
    const browser = new Browser(0);
    const delay = new MappingDelay();
    for (let i = 0; i < 50; i += 1) await browser.round(delay, 0.1);
    expect(delay.milliseconds).toBe(0);
  });

  test('goes down again when the work gets less', async () => {
    const browser = new Browser(2.5);
    const delay = new MappingDelay();
    await browser.round(delay, 0);
    for (let i = 0; i < 50; i += 1) await browser.round(delay, 5);
    const before = delay.milliseconds;
    for (let i = 0; i < 100; i += 1) await browser.round(delay, 0.2);
    expect(before).toBeGreaterThan(4);
    expect(delay.milliseconds).toBeLessThan(1.5);
  });
});
