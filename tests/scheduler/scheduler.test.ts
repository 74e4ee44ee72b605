import { describe, expect, it } from 'vitest';
import { systemClock } from '../../device-agent/clock.ts';
import { HearthError } from '../../runtime/error.ts';
import { FakeRunner } from '../generation/fixtures.ts';
import { request, schedulerOver, textAlone, textOf } from './fixtures.ts';

describe('Scheduler', () => {
  it('runs many requests at once and gives each what it gets alone', async () => {
    const runner = new FakeRunner({ maxStepTokens: 12, maxSequences: 3 });
    const scheduler = schedulerOver(runner);
    const wanted = Array.from({ length: 8 }, (_, i) =>
      request(`request ${i}, `.repeat(1 + (i % 3)), 10 + i, i),
    );
    const texts = await Promise.all(wanted.map((one) => textOf(scheduler.submit(one))));
    expect(texts).toEqual(await Promise.all(wanted.map(textAlone)));
    expect(Math.max(...runner.steps.map((step) => step.length))).toBe(3);
    expect(scheduler.status).toMatchObject({ running: 0, waiting: 0, reservedKvPages: 0 });
    await scheduler.close();
  });

  it('reports usage and times', async () => {
    let clockMs = 0;
    const runner = new FakeRunner({
      beforeStep: () => {
        clockMs += 10;
      },
    });
    const scheduler = schedulerOver(runner, { clock: { ...systemClock, nowMs: () => clockMs } });
    await textOf(scheduler.submit(request('hello', 3)));
    const answer = scheduler.submit(request('hello', 3));
    await textOf(answer);
    expect(answer.usage).toEqual({ promptTokens: 5, cachedTokens: 4, answerTokens: 3 });
    expect(answer.times).toEqual({ submittedMs: 30, admittedMs: 30, firstTokenMs: 40, lastTokenMs: 60 });
    await scheduler.close();
  });

  it('a request whose signal aborts stops at the next step and frees its slot', async () => {
    const scheduler = schedulerOver(new FakeRunner({ maxSequences: 1 }));
    const cancel = new AbortController();
    const first = scheduler.submit(request('one', 400), cancel.signal);
    const second = scheduler.submit(request('two', 5));
    for await (const _ of first) {
      cancel.abort();
      break;
    }
    expect(await textOf(second)).toBe(await textAlone(request('two', 5)));
    await scheduler.close();
  });

  it('a reader that waits learns of the cancellation', async () => {
    const scheduler = schedulerOver(new FakeRunner());
    const cancel = new AbortController();
    const reading = textOf(scheduler.submit(request('one', 400), cancel.signal));
    cancel.abort();
    await expect(reading).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
    expect(scheduler.status.running).toBe(0);
    expect(() => scheduler.submit(request('one', 4), cancel.signal)).toThrow(
      expect.objectContaining({ code: 'REQUEST_CANCELLED' }),
    );
    await scheduler.close();
  });

  it('a reader that leaves its loop cancels the request', async () => {
    const scheduler = schedulerOver(new FakeRunner());
    for await (const _ of scheduler.submit(request('one', 400))) break;
    expect(scheduler.status.running).toBe(0);
    await scheduler.close();
  });

  it('goes on after a device left', async () => {
    const runner: FakeRunner = new FakeRunner({
      beforeStep: (_, stepIndex) => {
        if (stepIndex % 5 !== 4) return;
        runner.loseCaches();
        throw new HearthError('DEVICE_LOST', 'a device left');
      },
    });
    const scheduler = schedulerOver(runner);
    const wanted = [request('first', 20), request('second', 30, 2)];
    const texts = await Promise.all(wanted.map((one) => textOf(scheduler.submit(one))));
    expect(texts).toEqual(await Promise.all(wanted.map(textAlone)));
    await scheduler.close();
  });

  it('computes again when told that the caches are gone, even in the middle of a step', async () => {
    const runner: FakeRunner = new FakeRunner({
      beforeStep: (_, stepIndex) => {
        if (stepIndex === 6) scheduler.cachesLost([]);
        if (stepIndex === 7) runner.loseCaches();
      },
    });
    const scheduler = schedulerOver(runner);
    expect(await textOf(scheduler.submit(request('first', 20)))).toBe(await textAlone(request('first', 20)));
    expect(runner.steps[7]![0]!.start).toBe(0);
    await scheduler.close();
  });

  it('a runner that always fails fails each request, and the scheduler lives on', async () => {
    let broken = true;
    const runner = new FakeRunner({
      beforeStep: () => {
        if (broken) throw new HearthError('INTERNAL', 'broken');
      },
    });
    const scheduler = schedulerOver(runner);
    const answers = [scheduler.submit(request('a', 5)), scheduler.submit(request('b', 5))];
    const results = await Promise.allSettled(answers.map(textOf));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    broken = false;
    expect(await textOf(scheduler.submit(request('a', 5)))).toHaveLength(5);
    await scheduler.close();
  });

  it('refuses when too many wait', async () => {
    const scheduler = schedulerOver(new FakeRunner({ maxSequences: 1 }), { maxWaiting: 2 });
    scheduler.submit(request('a', 300));
    scheduler.submit(request('b', 300));
    expect(() => scheduler.submit(request('c', 300))).toThrow(
      expect.objectContaining({
        code: 'SERVER_BUSY',
        fields: expect.objectContaining({ retryAfterSeconds: 2 }),
      }),
    );
    await scheduler.close();
  });

  it('close cancels what runs and what waits', async () => {
    const scheduler = schedulerOver(new FakeRunner({ maxSequences: 1 }));
    const answers = [scheduler.submit(request('a', 300)), scheduler.submit(request('b', 300))];
    const results = Promise.allSettled(answers.map(textOf));
    await scheduler.close();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(() => scheduler.submit(request('c', 3))).toThrow(expect.objectContaining({ code: 'SERVER_BUSY' }));
  });
});
