import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';

export interface ChatTemplate {
  /** Where it comes from: the model file, or one of the stand-ins below. */
  readonly origin: 'model' | 'chatml' | 'llama-2' | 'plain';
  readonly source: string;
  /** Text at which an answer ends although the model has no token for it. */
  readonly stops: readonly string[];
}

const CHATML: ChatTemplate = {
  origin: 'chatml',
  source: `
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}`,
  stops: [],
};

/** A system message goes into the user's next turn, as Meta's own code has it. */
const LLAMA_2: ChatTemplate = {
  origin: 'llama-2',
  source: `
{%- set state = namespace(system='') %}
{%- for message in messages %}
{%- set content = message.content or '' %}
{%- if message.role == 'system' %}
{%- set state.system = '<<SYS>>\\n' + content + '\\n<</SYS>>\\n\\n' %}
{%- elif message.role == 'assistant' %}
{{- ' ' + content + ' ' + eos_token }}
{%- else %}
{{- bos_token + '[INST] ' + state.system + content + ' [/INST]' }}
{%- set state.system = '' %}
{%- endif %}
{%- endfor %}`,
  stops: [],
};

const PLAIN: ChatTemplate = {
  origin: 'plain',
  source: `
{%- for message in messages %}
{{- message.role | capitalize + ': ' + (message.content or '') + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- 'Assistant:' }}
{%- endif %}`,
  stops: ['\nUser:'],
};

/**
 * The model's own chat template, or the likeliest stand-in: ChatML where the vocabulary has its marks, Llama 2's
 * form for SentencePiece models, otherwise plain `User:` and `Assistant:` lines.
 */
export function findChatTemplate(tokenizer: Tokenizer): ChatTemplate {
  if (tokenizer.chatTemplate) return { origin: 'model', source: tokenizer.chatTemplate, stops: [] };
  if (tokenizer.findToken('<|im_start|>') !== undefined) return CHATML;
  return tokenizer.model === 'llama' ? LLAMA_2 : PLAIN;
}
