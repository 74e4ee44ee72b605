import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Conversation } from '../../coordinator/conversations/conversation.ts';
import { errorOf } from '../http/fixtures.ts';
import { Talk } from './fixtures.ts';

let talk: Talk;
beforeEach(() => {
  talk = new Talk();
});
afterEach(async () => {
  await talk.close();
  talk.remove();
});

async function asked(text: string): Promise<string> {
  const id = await talk.create();
  await talk.ask(id, text);
  await talk.answered(id);
  return id;
}

async function titles(search = ''): Promise<string[]> {
  const { conversations } = await talk.call<{ conversations: { title: string }[] }>(
    'GET',
    `conversations?search=${encodeURIComponent(search)}`,
  );
  return conversations.map(({ title }) => title);
}

/** The coordinator ends, and another one begins with its folder. */
async function restart(): Promise<void> {
  await talk.close();
  talk = new Talk(talk.folder);
}

describe('files', () => {
  it('are there after a restart, and only for this user', async () => {
    const id = await asked('keep this');
    const before = await talk.get(id);
    expect(statSync(join(talk.folder, `${id}.json`)).mode & 0o777).toBe(0o600);
    await restart();
    expect(await talk.get(id)).toEqual(before);
    expect(await titles()).toEqual(['keep this']);
  });

  it('are as they were before a write that was killed at any byte', async () => {
    const id = await asked('keep this');
    const path = join(talk.folder, `${id}.json`);
    const whole = readFileSync(path);
    const before = await talk.get(id);
    for (const length of [0, 1, 20, whole.length >> 1, whole.length - 1, whole.length]) {
      await talk.close();
      writeFileSync(`${path}.part`, whole.subarray(0, length));
      await restart();
      expect(await talk.get(id)).toEqual(before);
      expect(readdirSync(talk.folder).sort()).toEqual([`${id}.json`, 'lock'].sort());
    }
  });

  it('that are damaged are reported, and spoil nothing else', async () => {
    const [good, bad] = [await asked('good'), await asked('bad')];
    await talk.close();
    truncateSync(join(talk.folder, `${bad}.json`), 100);
    await restart();
    expect(await titles()).toEqual(['good']);
    expect((await talk.get(good)).messages).toHaveLength(2);
    expect(talk.errors).toMatchObject([{ code: 'FILE_READ_FAILED' }]);
    expect((await errorOf(await talk.send('GET', `conversations/${bad}`)))[1]).toBe('CONVERSATION_NOT_FOUND');
  });

  it('belong to one coordinator at a time', async () => {
    await talk.create();
    writeFileSync(join(talk.folder, 'lock'), '1');
    const other = new Talk(talk.folder);
    expect(await errorOf(await other.send('GET', 'conversations'))).toEqual([
      503,
      'CONVERSATION_LOCKED',
      null,
    ]);
    // Once that one has ended, it is taken over; process ids end far below this.
    writeFileSync(join(talk.folder, 'lock'), '999999999');
    expect((await other.send('GET', 'conversations')).status).toBe(200);
    await other.close();
  });

  it('are none before a conversation is asked for', async () => {
    await talk.app.request('/health');
    expect(readdirSync(talk.folder)).toEqual([]);
  });
});

describe('the list', () => {
  it('begins with the newest, and finds words in titles and messages', async () => {
    await asked('Die schöne Müllerin');
    const id = await asked('second');
    await asked('third');
    await talk.call('PATCH', `conversations/${id}`, { title: 'Renamed' });
    expect(await titles()).toEqual(['Renamed', 'third', 'Die schöne Müllerin']);
    expect(await titles('schone mullerin')).toEqual(['Die schöne Müllerin']);
    expect(await titles('said: SECOND')).toEqual(['Renamed']);
    expect(await titles('nowhere')).toEqual([]);
  });

  it('does not hold every conversation in memory, and loses none', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 40; i += 1) ids.push(await asked(`number ${i}`));
    for (const [i, id] of ids.entries()) expect((await talk.get(id)).title).toBe(`number ${i}`);
    expect(await titles('number 3')).toHaveLength(11);
  });
});

describe('exports', () => {
  it('come back as they were, beside what is there', async () => {
    const id = await asked('first');
    await asked('second');
    const whole = await talk.call<{ conversations: Conversation[] }>('GET', 'export');
    expect(whole).toMatchObject({ format: 'hearth-conversations', version: 1 });
    expect(whole.conversations).toHaveLength(2);
    const single = await talk.call<{ conversations: Conversation[] }>('GET', `conversations/${id}/export`);
    expect(single.conversations).toEqual([await talk.get(id)]);

    await talk.call('DELETE', `conversations/${id}`);
    const { ids } = await talk.call<{ ids: string[] }>('POST', 'import', whole);
    expect(ids).toContain(id);
    expect(await talk.get(id)).toEqual(single.conversations[0]);
    // The other one was still there, and is now there twice.
    expect((await titles()).sort()).toEqual(['first', 'second', 'second']);
  });

  it('are refused when they are wrong, as a whole', async () => {
    await asked('first');
    const { conversations, ...head } = await talk.call<{ conversations: Conversation[] }>('GET', 'export');
    const [good] = conversations;
    const [question, answer] = good!.messages;
    const wrong: [unknown, string][] = [
      [{ ...head, version: 2, conversations }, 'version'],
      [{ ...head, format: 'chatgpt', conversations }, 'format'],
      [{ ...head, conversations: [good, { ...good, leaf: 'nobody' }] }, 'conversations[1].leaf'],
      [{ ...head, conversations: [{ ...good, id: '../../etc/passwd' }] }, 'conversations[0].id'],
      [
        { ...head, conversations: [{ ...good, messages: [answer, question] }] },
        'conversations[0].messages[0].parent',
      ],
      [
        { ...head, conversations: [{ ...good, messages: [question, question] }] },
        'conversations[0].messages[1].id',
      ],
      [
        { ...head, conversations: [{ ...good, settings: { temperature: 9 } }] },
        'conversations[0].settings.temperature',
      ],
    ];
    for (const [body, field] of wrong) {
      expect(await errorOf(await talk.send('POST', 'import', body))).toEqual([400, 'REQUEST_INVALID', field]);
    }
    expect(await titles()).toEqual(['first']);
  });
});

describe('requests', () => {
  it.each([
    ['POST', 'conversations', { settings: { temperature: 3 } }, 'settings.temperature'],
    ['POST', 'conversations', { settings: { logprobs: true } }, 'settings.logprobs'],
    ['POST', 'conversations/ID/ask', { parent: null, text: '' }, 'text'],
    ['POST', 'conversations/ID/ask', { text: 'x' }, 'parent'],
    ['PATCH', 'conversations/ID', { title: 'x'.repeat(201) }, 'title'],
    ['POST', 'conversations/ID/answer-again', { message: 'ANSWER' }, 'message'],
    ['POST', 'conversations/ID/continue', { message: 'QUESTION' }, 'message'],
  ])('%s %s refuses %j', async (method, path, body, field) => {
    const id = await asked('first');
    const [question, answer] = (await talk.get(id)).messages;
    const text = JSON.stringify(body).replace('ANSWER', answer!.id).replace('QUESTION', question!.id);
    const response = await talk.send(method, path.replace('ID', id), JSON.parse(text));
    const [status, , param] = await errorOf(response);
    expect([status, param]).toEqual([400, field]);
  });

  it('name conversations and messages that are there', async () => {
    const id = await talk.create();
    const missing = [404, 'CONVERSATION_NOT_FOUND', null];
    expect(await errorOf(await talk.send('GET', 'conversations/nobody'))).toEqual(missing);
    expect(await errorOf(await talk.send('GET', 'conversations/..%2F..%2Fpasswd'))).toEqual(missing);
    expect(
      await errorOf(await talk.send('POST', `conversations/${id}/ask`, { parent: 'x', text: 'x' })),
    ).toEqual(missing);
    expect(await errorOf(await talk.send('PUT', 'conversations'))).toEqual([405, 'METHOD_NOT_ALLOWED', null]);
  });

  it('of other pages are refused, also of this machine’s', async () => {
    await asked('private');
    for (const origin of ['http://localhost:3000', 'http://attacker.example', 'null']) {
      const response = await talk.send('GET', 'conversations', undefined, {
        host: 'localhost:11500',
        origin,
      });
      expect((await errorOf(response)).slice(0, 2)).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    }
    const own = { host: 'localhost:11500', origin: 'http://localhost:11500' };
    expect((await talk.send('GET', 'conversations', undefined, own)).status).toBe(200);
  });
});
