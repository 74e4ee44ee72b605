import { expect, it } from 'vitest';
import { Choices } from '../../coordinator/http/choices.ts';
import type { Scheduler } from '../../coordinator/scheduler/scheduler.ts';
import { HearthError } from '../../runtime/error.ts';
import { certain, FakeRunner, historyModel } from '../generation/fixtures.ts';
import { request, schedulerOver, textAlone, textOf } from './fixtures.ts';

/** Says Z in place of the answer's tokens from one on, until that is noticed some steps later. */
function foundOut(
  wrongFrom: number,
  noticedAfterStep: number,
): { scheduler: Scheduler; steps: () => number } {
  let isWrong = true;
  const runner: FakeRunner = new FakeRunner({
    model: (tokens) =>
      isWrong && tokens.length >= wrongFrom ? certain('Z'.charCodeAt(0)) : historyModel(tokens),
    beforeStep: (_, step) => {
      if (step !== noticedAfterStep) return;
      isWrong = false;
      runner.loseCaches();
      scheduler.startOver();
      throw new HearthError('DEVICE_LOST', 'a device was wrong');
    },
  });
  const scheduler = schedulerOver(runner);
  return { scheduler, steps: () => runner.steps.length };
}

const wanted = request('hello', 20);
const others = [request('another question, which is longer', 30, 2), request('x', 25, 3)];

it('an answer that was wrong is taken back from the first wrong token on', async () => {
  const { scheduler } = foundOut(9, 12);
  const tokens: number[] = [];
  const corrections: object[] = [];
  let text = '';
  for await (const { token, text: more, corrects } of scheduler.submit(wanted)) {
    if (corrects) {
      corrections.push(corrects);
      tokens.length = corrects.tokens;
      text = corrects.text;
    }
    tokens.push(token);
    text += more;
  }
  const right = await textAlone(wanted);
  expect([text, tokens.length]).toEqual([right, 20]);
  expect(corrections).toEqual([{ tokens: 4, text: right.slice(0, 4) }]);
  await scheduler.close();
});

it('what was right is computed again, and not told again', async () => {
  const { scheduler, steps } = foundOut(1000, 12);
  let events = 0;
  let text = '';
  for await (const { text: more, corrects } of scheduler.submit(wanted)) {
    expect(corrects).toBeUndefined();
    events += 1;
    text += more;
  }
  expect([text, events]).toEqual([await textAlone(wanted), 20]);
  expect(steps()).toBeGreaterThan(30);
  await scheduler.close();
});

it('may happen twice, and to several answers', async () => {
  let stepsLeft = 6;
  let isWrong = false;
  const runner: FakeRunner = new FakeRunner({
    model: (tokens) =>
      isWrong && tokens.length % 7 === 0 ? certain('Z'.charCodeAt(0)) : historyModel(tokens),
    beforeStep: (_, step) => {
      isWrong = step % 11 > 5 && stepsLeft > 0;
      if (step % 11 !== 10 || stepsLeft-- <= 0) return;
      runner.loseCaches();
      scheduler.startOver();
      throw new HearthError('DEVICE_LOST', 'a device was wrong');
    },
  });
  const scheduler = schedulerOver(runner);
  const all = [wanted, ...others];
  const choices = new Choices(scheduler, all, new AbortController().signal);
  const finished = await choices.finished();
  expect(finished.map(({ text }) => text)).toEqual(await Promise.all(all.map(textAlone)));
  await scheduler.close();
});

it('a stream that cannot take anything back fails', async () => {
  const { scheduler } = foundOut(9, 12);
  const choices = new Choices(scheduler, [wanted], new AbortController().signal);
  let text = '';
  const reading = (async () => {
    for await (const { event } of choices.events()) text += event.text;
  })();
  await expect(reading).rejects.toMatchObject({ code: 'ANSWER_RETRACTED' });
  expect(text.startsWith((await textAlone(wanted)).slice(0, 4))).toBe(true);
  // The others' requests go on.
  expect(await textOf(scheduler.submit(others[1]!))).toBe(await textAlone(others[1]!));
  await scheduler.close();
});
