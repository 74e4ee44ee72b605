import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readJournal } from '../../coordinator/conversations/answer-journal.ts';
import { certain } from '../generation/fixtures.ts';
import { echo, Reader, Talk } from './fixtures.ts';

/** Says X after ten tokens of an answer, until it does not any more. */
function errant() {
  const state = { isWrong: true, asked: 0 };
  const talk = new Talk(undefined, (tokens) => {
    state.asked ||= tokens.length;
    return state.isWrong && tokens.length >= state.asked + 10 ? certain('X'.charCodeAt(0)) : echo(tokens);
  });
  onTestFinished(async () => {
    await talk.close();
    talk.remove();
    expect(talk.errors).toEqual([]);
  });
  return { talk, state };
}

it('an answer of which a device computed a part wrongly is put right, before the eyes of who reads', async () => {
  const { talk, state } = errant();
  const id = await talk.create();
  talk.gate.close();
  talk.stepsBeforeGate = 16;
  await talk.ask(id, 'a long story');
  const reader = await Reader.open(talk, id);
  const shown = await reader.until(() => {
    const message = reader.messages.get(reader.leaf ?? '');
    return message && message.text.length >= 14 ? message.text : undefined;
  });
  expect(shown).toMatch(/^You said: X{4,}$/);
  const [journal] = readdirSync(talk.folder).filter((name) => name.endsWith('.answer'));
  expect((await readJournal(join(talk.folder, journal!)))!.tokens.length).toBeGreaterThanOrEqual(14);

  state.isWrong = false;
  talk.distrust();
  const answer = await talk.answered(id);
  expect(answer.text).toBe('You said: a long story.');
  expect(answer.answer).toMatchObject({ state: 'done', corrected: true });
  expect(
    await reader.until(() =>
      reader.messages.get(answer.id)?.answer?.state === 'done'
        ? reader.messages.get(answer.id)!.text
        : undefined,
    ),
  ).toBe(answer.text);
  await reader.close();
  await talk.close();
  const next = new Talk(talk.folder);
  expect((await next.get(id)).messages.at(-1)).toMatchObject({
    text: answer.text,
    answer: { corrected: true },
  });
  await next.close();
});
