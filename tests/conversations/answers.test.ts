import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf } from '../http/fixtures.ts';
import { Reader, Talk } from './fixtures.ts';

let talk: Talk;
beforeEach(() => {
  talk = new Talk();
});
afterEach(async () => {
  await talk.close();
  talk.remove();
  expect(talk.errors).toEqual([]);
});

/** An answer that is held after some of its text. */
async function halfway(
  text = 'a long story',
  steps = 8,
): Promise<{ id: string; reader: Reader; said: string }> {
  const id = await talk.create();
  talk.gate.close();
  talk.stepsBeforeGate = steps;
  await talk.ask(id, text);
  const reader = await Reader.open(talk, id);
  const said = await reader.until(() => {
    const answer = reader.messages.get(reader.leaf ?? '');
    return answer && answer.text.length >= steps - 1 ? answer.text : undefined;
  });
  return { id, reader, said };
}

describe('a question', () => {
  it('is answered as a chat completion is, and kept with how that went', async () => {
    const id = await talk.create({ system: 'Be kind.', temperature: 0 });
    await talk.ask(id, 'hello\nthere');
    const answer = await talk.answered(id);
    expect(answer.text).toBe('You said: hello\nthere.');
    expect(answer.answer).toMatchObject({
      state: 'done',
      finish: 'stop',
      model: 'tiny',
      devices: ['den', 'phone'],
      promptTokens: 'system: Be kind.\nuser: hello\nthere\nassistant: '.length,
      answerTokens: answer.text.length + 1,
    });
    expect(answer.answer!.ttftMs).toBeGreaterThanOrEqual(0);
    const { title, leaf, messages } = await talk.get(id);
    expect([title, leaf, messages.length]).toEqual(['hello', answer.id, 2]);
  });

  it('is marked where its answer is not exact', async () => {
    const id = await talk.create();
    await talk.ask(id, 'one');
    expect((await talk.answered(id)).answer).not.toHaveProperty('notExact');
    talk.notExact = 'neurons were predicted';
    const other = await talk.create();
    await talk.ask(other, 'one');
    expect((await talk.answered(other)).answer).toMatchObject({ notExact: 'neurons were predicted' });
  });

  it('may follow an answer, and sees all of its branch', async () => {
    const id = await talk.create();
    await talk.ask(id, 'one');
    const first = await talk.answered(id);
    await talk.ask(id, 'two', first.id);
    const second = await talk.answered(id);
    expect(second.text).toBe('You said: two.');
    const prompt = 'user: one\nassistant: You said: one.\nuser: two\nassistant: ';
    expect(second.answer!.promptTokens).toBe(prompt.length);
  });

  it('is edited by asking another one in its place', async () => {
    const id = await talk.create();
    await talk.ask(id, 'one');
    const first = await talk.answered(id);
    await talk.ask(id, 'two', null);
    const second = await talk.answered(id);
    const { messages, leaf } = await talk.get(id);
    expect(messages.filter(({ parent }) => parent === null).map(({ text }) => text)).toEqual(['one', 'two']);
    expect(leaf).toBe(second.id);
    await talk.call('PATCH', `conversations/${id}`, { leaf: messages[0]!.id });
    expect((await talk.get(id)).leaf).toBe(first.id);
  });

  it('may be answered again', async () => {
    const id = await talk.create();
    await talk.ask(id, 'one');
    const first = await talk.answered(id);
    await talk.call('POST', `conversations/${id}/answer-again`, { message: first.parent });
    const second = await talk.answered(id);
    expect(second.id).not.toBe(first.id);
    expect(second.parent).toBe(first.parent);
    expect((await talk.get(id)).messages).toHaveLength(3);
  });

  it('that cannot be answered leaves nothing behind', async () => {
    const id = await talk.create();
    const long = await talk.send('POST', `conversations/${id}/ask`, { parent: null, text: 'x'.repeat(600) });
    expect(await errorOf(long)).toEqual([400, 'CONTEXT_FULL', null]);
    expect((await talk.get(id)).messages).toEqual([]);
    await talk.ask(id, 'short');
    expect((await talk.answered(id)).text).toBe('You said: short.');
  });
});

describe('an answer under way', () => {
  it('goes on without a reader, and one that comes back resumes where it was', async () => {
    const { id, reader, said } = await halfway();
    await reader.close();
    talk.gate.open();
    await talk.answered(id);
    await reader.resume(talk, id);
    const before = reader.events.length;
    await reader.until(() => reader.messages.get(reader.leaf!)?.answer?.state === 'done' || undefined);
    expect(reader.messages.get(reader.leaf!)!.text).toBe('You said: a long story.');
    expect(said.length).toBeLessThan(12);
    const news = reader.events.slice(before);
    // Not the question again, and not the whole conversation.
    expect(
      news.flatMap((event) => ('messages' in event ? event.messages : [])).map(({ role }) => role),
    ).toEqual(['assistant']);
  });

  it('resumes in the middle with the rest of the text alone', async () => {
    const { id, reader, said } = await halfway();
    await reader.close();
    talk.gate.open();
    talk.gate.close();
    talk.stepsBeforeGate = 4;
    await reader.resume(talk, id);
    await reader.next();
    const news = reader.events.at(-1)!;
    expect(news).toMatchObject({ offset: said.length });
    expect('head' in news).toBe(false);
  });

  it('is the same to two readers', async () => {
    const { id, reader } = await halfway();
    const other = await Reader.open(talk, id);
    await other.next();
    talk.gate.open();
    const done = (one: Reader) =>
      one.until(() => (one.messages.get(one.leaf!)?.answer?.state === 'done' ? one : undefined));
    await Promise.all([done(reader), done(other)]);
    expect([...other.messages.values()]).toEqual([...reader.messages.values()]);
    await Promise.all([reader.close(), other.close()]);
  });

  it('is stopped by anybody, keeps what was said, and goes on from there', async () => {
    const { id, said } = await halfway();
    await talk.call('POST', `conversations/${id}/stop`, {});
    const stopped = await talk.answered(id);
    expect(stopped.answer!.state).toBe('stopped');
    expect(stopped.text.startsWith(said)).toBe(true);
    talk.gate.open();
    await talk.call('POST', `conversations/${id}/continue`, { message: stopped.id });
    const whole = await talk.answered(id);
    expect([whole.id, whole.text]).toEqual([stopped.id, 'You said: a long story.']);
    expect(whole.answer!.promptTokens).toBe(`user: a long story\nassistant: ${stopped.text}`.length);
  });

  it('is the only one in its conversation', async () => {
    const { id, reader } = await halfway();
    const busy = await talk.send('POST', `conversations/${id}/ask`, { parent: null, text: 'now' });
    expect(await errorOf(busy)).toEqual([409, 'CONVERSATION_BUSY', null]);
    expect(reader.messages.size).toBe(2);
    const other = await talk.create();
    talk.gate.open();
    await talk.ask(other, 'elsewhere');
    expect((await talk.answered(other)).text).toBe('You said: elsewhere.');
  });

  it('ends with its conversation', async () => {
    const { id, reader } = await halfway();
    await talk.call('DELETE', `conversations/${id}`);
    talk.gate.open();
    while (await reader.next());
    expect(await errorOf(await talk.send('GET', `conversations/${id}`))).toEqual([
      404,
      'CONVERSATION_NOT_FOUND',
      null,
    ]);
    expect((await talk.call<{ conversations: [] }>('GET', 'conversations')).conversations).toEqual([]);
  });

  it('is told as it is: changes of the title do not repeat its text', async () => {
    const { id, reader, said } = await halfway();
    await talk.call('PATCH', `conversations/${id}`, { title: 'Stories' });
    await reader.next();
    expect(reader.events.at(-1)).toMatchObject({ head: { title: 'Stories' }, messages: [] });
    talk.gate.open();
    await reader.next();
    expect(reader.events.at(-1)).toMatchObject({ offset: said.length });
    await reader.close();
  });
});

describe('a coordinator that ends', () => {
  it('leaves an answer as far as it got, to be continued by the next one', async () => {
    const { id, said } = await halfway();
    const closing = talk.conversations.close();
    talk.gate.open();
    await closing;
    const next = new Talk(talk.folder);
    const { messages } = await next.get(id);
    expect(messages[1]!.answer!.state).toBe('interrupted');
    expect(messages[1]!.text.startsWith(said)).toBe(true);
    await next.call('POST', `conversations/${id}/continue`, { message: messages[1]!.id });
    expect((await next.answered(id)).text).toBe('You said: a long story.');
    await next.close();
  });
});
