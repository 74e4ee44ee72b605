import { describe, expect, it } from 'vitest';
import { encodeChat, markTokens } from '../../coordinator/chat/encode-chat.ts';
import { findChatTemplate } from '../../coordinator/chat/fallback-template.ts';
import { type ChatMessage, renderChat } from '../../coordinator/chat/render-chat.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import type { VocabularyDescription } from '../../runtime/tokenizer/vocabulary.ts';
import { smallBpe, smallSpm } from '../tokenizer/small-vocabularies.ts';

const messages: ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'Bye' },
];

function without(description: VocabularyDescription, text: string): VocabularyDescription {
  return { ...description, tokens: description.tokens.map((token) => (token === text ? 'other' : token)) };
}

const chatml = new Tokenizer(smallBpe());
const llama2 = new Tokenizer(without(smallSpm(), '<|im_start|>'));
const plain = new Tokenizer(without(smallBpe(), '<|im_start|>'));

function render(tokenizer: Tokenizer, addGenerationPrompt = true): string {
  const { source } = findChatTemplate(tokenizer);
  return renderChat(source, { messages, addGenerationPrompt, ...markTokens(tokenizer), nowMs: 0 });
}

describe('findChatTemplate', () => {
  it("prefers the model's own", () => {
    const tokenizer = new Tokenizer(smallBpe({ chatTemplate: '{{ 1 }}' }));
    expect(findChatTemplate(tokenizer)).toEqual({ origin: 'model', source: '{{ 1 }}', stops: [] });
  });

  it('takes ChatML where the vocabulary has its marks', () => {
    expect(findChatTemplate(chatml).origin).toBe('chatml');
    expect(render(chatml)).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n' +
        '<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(render(chatml, false)).toMatch(/Bye<\|im_end\|>\n$/);
  });

  it("takes Llama 2's form for other SentencePiece models", () => {
    expect(findChatTemplate(llama2).origin).toBe('llama-2');
    expect(render(llama2)).toBe(
      '<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Bye [/INST]',
    );
  });

  it('takes plain lines for the rest, and a stop for the line that comes next', () => {
    expect(findChatTemplate(plain)).toMatchObject({ origin: 'plain', stops: ['\nUser:'] });
    expect(render(plain)).toBe('System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: Bye\nAssistant:');
  });

  it('renders messages without text', () => {
    const silent = [{ role: 'assistant', content: null }];
    for (const tokenizer of [chatml, llama2, plain]) {
      const variables = { messages: silent, addGenerationPrompt: true, ...markTokens(tokenizer), nowMs: 0 };
      expect(renderChat(findChatTemplate(tokenizer).source, variables)).not.toMatch(/null|none/i);
    }
  });
});

describe('encodeChat', () => {
  const countBos = (tokenizer: Tokenizer, text: string): number =>
    encodeChat(tokenizer, text).filter((id) => id === tokenizer.bosId).length;

  it('begins with exactly one first token, whether or not the template writes it', () => {
    expect(countBos(llama2, '<s>Hello')).toBe(1);
    expect(countBos(llama2, 'Hello')).toBe(1);
    expect(encodeChat(llama2, 'Hello')).toEqual(encodeChat(llama2, '<s>Hello'));
    expect(countBos(llama2, '')).toBe(1);
  });

  it('writes none where the vocabulary wants none, and no last token ever', () => {
    expect(countBos(plain, 'Hello')).toBe(0);
    const ending = new Tokenizer(smallSpm({ addEos: true }));
    expect(encodeChat(ending, 'Hello')).not.toContain(ending.eosId);
  });

  it('reads the marks as tokens', () => {
    expect(encodeChat(chatml, '<|im_start|>user')[0]).toBe(chatml.findToken('<|im_start|>'));
  });
});
