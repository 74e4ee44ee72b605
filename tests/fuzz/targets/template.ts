import { TemplateRenderer } from '../../../coordinator/chat/template-renderer.ts';
import { buildWorker } from '../../chat/build-worker.ts';
import { textMutator } from '../mutate-text.ts';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';

export const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const templates = [
  chatMl,
  "{{ bos_token }}{%- set ns = namespace(first=true) -%}{% for m in messages if m.role != 'system' %}{% if loop.index0 % 2 == 0 and not ns.first %}{{ raise_exception('no') }}{% endif %}{{ m.content | trim | upper }}{% endfor %}",
  "{% macro say(x, y='z') %}{{ x ~ y }}{% endmacro %}{{ say(messages[0]['content'][:3]) }}{{ messages | tojson }}{{ strftime_now('%d %B %Y') }}{{ range(3) | join(',') }}{% if tools is defined and tools %}{{ tools }}{% endif %}",
];
const words = [
  '{{',
  '}}',
  '{%',
  '%}',
  '{#',
  '#}',
  '-%}',
  'for',
  ' in ',
  'range(',
  '9999999',
  ' if ',
  'endfor',
  '|',
  '*',
  '**',
  "'a'*",
  '[',
  ']',
  '(',
  ')',
  '~',
  'messages',
  'loop',
  'is',
  'not ',
  '.split()',
  '|tojson',
  'namespace(',
  'x.__proto__',
  '.constructor',
  '["constructor"]',
];
const variables = {
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Hello {{ 7 * 7 }}' },
  ],
  addGenerationPrompt: true,
  bosToken: '<s>',
  eosToken: '</s>',
  nowMs: 0,
};

/** Chat templates, as strangers write them: in a thread that is ended when it takes too long. */
export async function templateTarget(): Promise<Target> {
  const renderer = new TemplateRenderer({ workerPath: await buildWorker(), timeLimitMs: 300 });
  return {
    seeds: templates.map(bytesOfText),
    mutate: textMutator(words),
    read: async (input) => {
      const text = await renderer.render(textOfBytes(input), variables);
      return `${Math.ceil(Math.log2(text.length + 1))} bits of text`;
    },
    close: () => renderer.close(),
  };
}
