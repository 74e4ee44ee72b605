import { describe, expect, it } from 'vitest';
import { Progress } from '../../coordinator/cli/progress.ts';
import { formatDuration, TransferRate } from '../../coordinator/cli/transfer-rate.ts';

describe('the rate of a transfer', () => {
  let nowMs = 0;
  const pass = (ms: number) => {
    nowMs += ms;
  };

  it('is that of the last seconds, and not of what was there before', () => {
    const rate = new TransferRate(() => nowMs);
    expect(rate.describe(50e6, 100e6)).toBe('');
    pass(1000);
    expect(rate.describe(51e6, 100e6)).toBe('1.0 MB/s, 49 s left');
    for (let i = 1; i <= 10; i += 1) {
      pass(1000);
      rate.describe(51e6 + i * 4e6, 100e6);
    }
    expect(rate.describe(91e6, 100e6)).toBe('4.0 MB/s, 3 s left');
    pass(1000);
    expect(rate.describe(100e6, 100e6)).toMatch(/^\d\.\d MB\/s$/);
  });

  it('is not told where nothing comes', () => {
    const rate = new TransferRate(() => nowMs);
    rate.describe(5, 10);
    pass(100);
    expect(rate.describe(5, 10)).toBe('');
  });

  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [125, '2 min 5 s'],
    [11_100, '3 h 5 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('progress', () => {
  function written(isTTY: boolean, show: (progress: Progress) => void): string {
    let text = '';
    const stream = { isTTY, write: (piece: string) => (text += piece) };
    show(new Progress('pulling', stream as unknown as NodeJS.WriteStream));
    return text;
  }
  const steps = (progress: Progress) => {
    for (const done of [0, 10, 10, 30, 60, 100, 100]) progress.update(done, 100, () => `at ${done}`);
  };

  it('in a pipe is a line at each quarter', () => {
    expect(written(false, steps)).toBe('pulling 30%, at 30\npulling 60%, at 60\npulling 100%, at 100\n');
  });

  it('on a terminal is one line that is drawn again', () => {
    const lines = written(true, steps).split('\r').slice(1);
    expect(lines.map((line) => /(\d+)% at \d+/.exec(line)![1])).toEqual(['0', '10', '30', '60', '100']);
    expect(lines.at(-1)).toMatch(/\n$/);
    expect(lines.slice(0, -1).join('')).not.toMatch(/\n/);
  });
});
