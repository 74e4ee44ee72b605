import { describe, expect, it } from 'vitest';
import { type ChatVariables, renderChat } from '../../coordinator/chat/render-chat.ts';

const variables: ChatVariables = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: ' Hi ' },
  ],
  addGenerationPrompt: true,
  bosToken: '<s>',
  eosToken: '</s>',
  nowMs: new Date(2024, 6, 4, 15, 5, 9).getTime(),
};
const render = (template: string, changes: Partial<ChatVariables> = {}): string =>
  renderChat(template, { ...variables, ...changes });

describe('renderChat', () => {
  it('gives a template what Hugging Face gives it', () => {
    const template = `{{- bos_token }}
{%- for message in messages %}
  {{- '<|' + message['role'] + '|>\\n' + message['content'] | trim + eos_token + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|assistant|>\\n' }}
{%- endif %}`;
    expect(render(template)).toBe('<s><|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n');
    expect(render(template, { addGenerationPrompt: false, messages: [] })).toBe('<s>');
  });

  it('trims blocks as transformers does', () => {
    expect(render('a\n  {% if true %}\nb\n  {% endif %}\nc')).toBe('a\nb\nc');
  });

  it('gives tools as none, or as they are', () => {
    const template = '{% if tools is defined and tools %}{{ tools | tojson }}{% else %}none{% endif %}';
    expect(render(template)).toBe('none');
    expect(render('{{ tools is none }}')).toBe('true');
    const tool = {
      type: 'function',
      function: { name: 'f', parameters: { type: 'object', properties: {} } },
    };
    expect(JSON.parse(render(template, { tools: [tool] }))).toEqual([tool]);
  });

  it('lets messages carry more than text', () => {
    const call = { function: { name: 'f', arguments: { a: 1 } } };
    const messages = [{ role: 'assistant', content: null, tool_calls: [call], name: undefined }];
    const template =
      '{% for m in messages %}{{ m.content is none }} {{ m.tool_calls[0].function.arguments | tojson }} {{ m.name is defined }}{% endfor %}';
    expect(render(template, { messages })).toBe('true {"a": 1} false');
  });

  it('dates prompts by the time it is given, in English', () => {
    expect(render("{{ strftime_now('%d %b %Y, %A %B %H:%M:%S %I %p %% %Q') }}")).toBe(
      '04 Jul 2024, Thursday July 15:05:09 03 PM % %Q',
    );
  });

  it('has the range of Python', () => {
    expect(render('{{ range(3) }}{{ range(1, 4) }}{{ range(5, 0, -2) }}{{ range(3, 1) }}')).toBe(
      '[0, 1, 2][1, 2, 3][5, 3, 1][]',
    );
  });

  it('raises what the template raises', () => {
    expect(() => render("{{ raise_exception('no tools here') }}")).toThrow('no tools here');
  });

  it("passes a template's own switches, which cannot take the place of the usual variables", () => {
    const template = '{{ enable_thinking }} {{ bos_token }} {{ range(1) }}';
    const extra = { enable_thinking: false, bos_token: 'forged', range: 'forged' };
    expect(render(template, { extra })).toBe('false <s> [0]');
  });

  it('does not reach JavaScript through its values', () => {
    const template =
      "{{ messages.constructor is defined }} {{ ''.constructor is defined }} {{ messages['__proto__'] is defined }}";
    expect(render(template)).toBe('false false false');
  });
});
