import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AnswerJournal,
  type BegunAnswer,
  readJournal,
} from '../../coordinator/conversations/answer-journal.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import { byteVocabSize, historyModel } from '../generation/fixtures.ts';
import { Reader, Talk } from './fixtures.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const logitBias = new Map([[3, -1.5]]);
const begun: BegunAnswer = {
  message: 'm1',
  begun: 'So it',
  model: 'tiny',
  request: {
    prompt: [1, 2, 3],
    sampling: samplingParams({ seed: 2 ** 46 + 1, topP: 0.3, logitBias }, byteVocabSize),
    stop: ['\n'],
    maxTokens: 9,
  },
};

describe('the journal of an answer', () => {
  it('gives back what was asked and all tokens, after the process has died', async () => {
    const path = join(folder, 'a.answer');
    const journal = await AnswerJournal.begin(path, begun);
    for (const token of [7, 0, 300]) journal.append(token);
    expect(await readJournal(path)).toEqual({ ...begun, tokens: [7, 0, 300], attempts: 0 });
    await journal.remove();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['a line that was being written', '12', [7]],
    ['a line of something else, and all behind it', '\0\0\0\n9\n', [7]],
    ['nothing', '', [7]],
  ])('drops %s, and goes on', async (_, tail, tokens) => {
    const path = join(folder, 'a.answer');
    const journal = await AnswerJournal.begin(path, begun);
    journal.append(7);
    appendFileSync(path, tail);
    expect((await readJournal(path))!.tokens).toEqual(tokens);
    const again = await AnswerJournal.takeUp(path);
    expect(await readJournal(path)).toMatchObject({ tokens, attempts: 1 });
    again.append(8);
    expect(await readJournal(path)).toMatchObject({ tokens: [...tokens, 8], attempts: 0 });
    await journal.remove();
    await again.remove();
  });

  it('forgets tokens that were taken back', async () => {
    const path = join(folder, 'a.answer');
    const journal = await AnswerJournal.begin(path, begun);
    for (const token of [7, 8, 9]) journal.append(token);
    journal.takeBack(1);
    journal.append(4);
    expect(await readJournal(path)).toMatchObject({ tokens: [7, 4], attempts: 0 });
    await journal.remove();
  });

  it.each(['', '{"format":"hearth-answer-1"', '{"format":"hearth-answer-1"}\n1\n', 'null\n'])(
    'is none without its beginning: %j',
    async (text) => {
      const path = join(folder, 'a.answer');
      writeFileSync(path, text);
      expect(await readJournal(path)).toBeUndefined();
    },
  );
});

/** So many, one a step; with all of them written down it stands still. */
const tokensOfTheDead = 30;

/** Asks, and dies after some text of the answer: what it leaves on the disk is another one's. */
async function died(settings: object): Promise<{ id: string; seen: string; dead: Talk }> {
  const dead = new Talk(folder, historyModel);
  dead.gate.close();
  dead.stepsBeforeGate = tokensOfTheDead;
  const id = await dead.create(settings);
  await dead.ask(id, 'a long story');
  const reader = await Reader.open(dead, id);
  const answer = () => reader.messages.get(reader.leaf ?? '');
  const seen = await reader.until(() =>
    answer()?.answer?.answerTokens === tokensOfTheDead ? answer()!.text : undefined,
  );
  return { id, seen, dead };
}

describe('an answer whose coordinator has died', () => {
  const settings = { seed: 7, temperature: 1.2, max_tokens: 200, frequency_penalty: 0.5 };

  it.each([
    ['goes on as it would have, and is told of as the same', (next: Talk) => next.gate.open()],
    ['goes on so when what computes it is distrusted, too', (next: Talk) => next.distrust()],
  ])('%s', async (_, letGoOn) => {
    const whole = new Talk(mkdtempSync(join(tmpdir(), 'hearth-talk-')), historyModel);
    const other = await whole.create(settings);
    await whole.ask(other, 'a long story');
    const expected = (await whole.answered(other)).text;
    await whole.close();
    whole.remove();

    const { id, seen } = await died(settings);
    const next = new Talk(folder, historyModel);
    const before = (await next.get(id)).messages.at(-1)!;
    expect(before.answer!.state).toBe('answering');
    next.gate.close();
    await next.conversations.takeUp();
    const taken = (await next.get(id)).messages.at(-1)!;
    expect(taken.text.startsWith(seen)).toBe(true);
    expect(expected.startsWith(taken.text)).toBe(true);
    await expect(next.ask(id, 'another', null)).rejects.toThrow(/CONVERSATION_BUSY/);
    letGoOn(next);
    const answer = await next.answered(id);
    expect(answer).toMatchObject({
      id: before.id,
      text: expected,
      answer: { state: 'done', finish: 'length' },
    });
    expect(answer.answer!.answerTokens).toBe(200);
    expect(new Set(expected).size).toBeGreaterThan(20);
    await next.close();
    expect(readdirSync(folder).filter((name) => name.endsWith('.answer'))).toEqual([]);
  });

  it('may be stopped before it is taken up', async () => {
    const { id } = await died(settings);
    const next = new Talk(folder, historyModel);
    await next.call('POST', `conversations/${id}/stop`, {});
    await next.conversations.takeUp();
    expect((await next.get(id)).messages.at(-1)!.answer!.state).toBe('stopped');
    expect(readdirSync(folder).filter((name) => name.endsWith('.answer'))).toEqual([]);
    await next.close();
  });

  it('is interrupted where it cannot go on, or has ended coordinators again and again', async () => {
    for (const spoil of [
      (text: string) => text.replace('"model":"tiny"', '"model":"other"'),
      (text: string) => `${text}+\n+\n+\n`,
      () => 'rubbish\n',
    ]) {
      const { id } = await died(settings);
      const path = join(folder, `${id}.answer`);
      writeFileSync(path, spoil(readFileSync(path, 'utf8')));
      const next = new Talk(folder, historyModel);
      await next.conversations.takeUp();
      expect((await next.get(id)).messages.at(-1)!.answer!.state).toBe('interrupted');
      expect(existsSync(path)).toBe(false);
      await next.close();
    }
  });
});
