/** Those that are a number. */
export type NumberSetting =
  | 'temperature'
  | 'top_k'
  | 'top_p'
  | 'min_p'
  | 'repetition_penalty'
  | 'repeat_last_n'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'max_tokens'
  | 'seed';

export interface Field {
  readonly name: NumberSetting;
  readonly label: string;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  /** What is taken where nothing is given. */
  readonly standard: string;
}

/** Ranges and defaults are those of docs/api.md. */
export const fields: readonly Field[] = [
  {
    name: 'temperature',
    label: 'Temperature',
    hint: '0 is always the same answer',
    min: 0,
    max: 2,
    step: 'any',
    standard: '0.8',
  },
  {
    name: 'top_p',
    label: 'Top-p',
    hint: 'likeliest tokens up to this share',
    min: 0,
    max: 1,
    step: 'any',
    standard: '0.95',
  },
  {
    name: 'top_k',
    label: 'Top-k',
    hint: 'so many likeliest tokens',
    min: 0,
    max: 2097152,
    step: 1,
    standard: '40',
  },
  {
    name: 'min_p',
    label: 'Min-p',
    hint: 'as likely relative to the first',
    min: 0,
    max: 1,
    step: 'any',
    standard: '0.05',
  },
  {
    name: 'repetition_penalty',
    label: 'Repetition penalty',
    hint: 'of what was said, 1 is none',
    min: 0.01,
    max: 100,
    step: 'any',
    standard: '1',
  },
  {
    name: 'repeat_last_n',
    label: 'Repetition window',
    hint: 'how many tokens that looks back',
    min: 0,
    max: 2097152,
    step: 1,
    standard: '64',
  },
  {
    name: 'presence_penalty',
    label: 'Presence penalty',
    hint: 'once for each token of the answer',
    min: -2,
    max: 2,
    step: 'any',
    standard: '0',
  },
  {
    name: 'frequency_penalty',
    label: 'Frequency penalty',
    hint: 'for each time that it came',
    min: -2,
    max: 2,
    step: 'any',
    standard: '0',
  },
  {
    name: 'max_tokens',
    label: 'Longest answer',
    hint: 'in tokens',
    min: 1,
    max: 2147483647,
    step: 1,
    standard: 'no limit',
  },
  {
    name: 'seed',
    label: 'Seed',
    hint: 'the same one repeats an answer',
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    standard: 'random',
  },
];
