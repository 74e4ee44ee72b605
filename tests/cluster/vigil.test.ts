import { describe, expect, it } from 'vitest';
import { Vigil } from '../../coordinator/cluster/vigil.ts';

const token = { tokens: 1, isPrompt: false };
const prompt = (tokens: number) => ({ tokens, isPrompt: true });

/** A step of so many silences of so long. @returns when it ended */
function step(
  vigil: Vigil,
  shape: { tokens: number; isPrompt: boolean },
  startMs: number,
  silentMs: number,
): number {
  vigil.begin(shape, startMs);
  for (let i = 1; i <= 4; i += 1) vigil.heard(startMs + i * silentMs);
  vigil.end();
  return startMs + 4 * silentMs;
}

/** Silence after which the verdict is that a device is gone, asked every 50 ms. */
function patience(vigil: Vigil, shape: { tokens: number; isPrompt: boolean }, startMs: number): number {
  vigil.begin(shape, startMs);
  for (let ms = 0; ms < 60_000; ms += 50) if (vigil.verdict(startMs + ms) === 'dead') return ms;
  return Number.POSITIVE_INFINITY;
}

describe('the vigil over a step', () => {
  it('waits long for a device that is not known yet', () => {
    expect(patience(new Vigil(), token, 0)).toBe(5_000);
  });

  it('gives a fast device up after a second', () => {
    const vigil = new Vigil();
    const endMs = step(vigil, token, 0, 5);
    expect(patience(vigil, token, endMs)).toBe(1_000);
  });

  it('gives a slow device twice its usual silence', () => {
    const vigil = new Vigil();
    const endMs = step(vigil, token, 0, 3_000);
    expect(patience(vigil, token, endMs)).toBe(6_000);
  });

  it('allows prompts what prompts take, however fast tokens are', () => {
    const vigil = new Vigil();
    const endMs = step(vigil, prompt(8), step(vigil, token, 0, 5), 400);
    expect(patience(vigil, prompt(32), endMs)).toBe(3_200);
    expect(patience(vigil, token, endMs)).toBe(1_000);
  });

  it('makes of one kind of steps what it can for the other', () => {
    const tokens = new Vigil();
    expect(patience(tokens, prompt(32), step(tokens, token, 0, 100))).toBe(6_400);
    const prompts = new Vigil();
    expect(patience(prompts, token, step(prompts, prompt(32), 0, 800))).toBe(1_600);
  });

  it('forgets slowly that a device was slow once', () => {
    const vigil = new Vigil();
    let endMs = step(vigil, token, 0, 3_000);
    for (let i = 0; i < 40; i += 1) endMs = step(vigil, token, endMs, 10);
    expect(patience(vigil, token, endMs)).toBe(1_000);
  });

  it('asks once after a tenth of a second, and again after each sign of life', () => {
    const vigil = new Vigil();
    vigil.begin(token, 0);
    expect([50, 100, 200, 300].map((ms) => vigil.verdict(ms))).toEqual(['alive', 'ping', 'alive', 'alive']);
    vigil.heard(310);
    expect([350, 450, 550].map((ms) => vigil.verdict(ms))).toEqual(['alive', 'ping', 'alive']);
  });

  it('knows nothing any more of a device that has begun to stream, and nothing from a step given up at once', () => {
    const vigil = new Vigil();
    step(vigil, token, 0, 5);
    vigil.streams(true);
    vigil.begin(token, 100);
    vigil.end();
    expect(patience(vigil, token, 200)).toBe(5_000);
  });

  it('does not blame a device for what it was not heard while this process slept', () => {
    const vigil = new Vigil();
    step(vigil, token, 0, 5);
    vigil.begin(token, 100);
    vigil.excuse(60_000);
    expect(vigil.verdict(60_050)).toBe('alive');
    expect(vigil.verdict(61_100)).toBe('dead');
  });

  it('says nothing between steps', () => {
    const vigil = new Vigil();
    step(vigil, token, 0, 5);
    expect(vigil.verdict(1e6)).toBe('alive');
  });
});
