import { HearthError } from '../../runtime/error.ts';

/** Whether a value of a field that is not supported asks for nothing. */
type IsNoOp = (value: unknown) => boolean;

export type NoOpFields = Readonly<Record<string, IsNoOp>>;

const anything: IsNoOp = () => true;
const nothingButNull: IsNoOp = () => false;
const emptyList: IsNoOp = (value) => Array.isArray(value) && value.length === 0;
const oneOf =
  (...values: unknown[]): IsNoOp =>
  (value) =>
    values.includes(value);
const justText: IsNoOp = (value) => Array.isArray(value) && value.every((entry) => entry === 'text');
const textFormat: IsNoOp = (value) =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'text';

/** Of both completion routes: OpenAI's and llama-server's fields whose absence changes no answer. */
const sharedNoOps: NoOpFields = {
  // Labels of OpenAI's own bookkeeping; there is one user and no bill.
  user: anything,
  metadata: anything,
  safety_identifier: anything,
  prompt_cache_key: anything,
  prompt_cache_retention: anything,
  service_tier: oneOf('auto', 'default'),
  store: oneOf(false),
  // Prefixes are always reused, and by the invariant that changes nothing.
  cache_prompt: anything,
  // Samplers of llama-server, at the values that switch them off.
  typical_p: oneOf(1),
  mirostat: oneOf(0),
  dry_multiplier: oneOf(0),
  xtc_probability: oneOf(0),
  dynatemp_range: oneOf(0),
  grammar: oneOf(''),
  ignore_eos: oneOf(false),
};

export const chatNoOps: NoOpFields = {
  ...sharedNoOps,
  tools: emptyList,
  tool_choice: oneOf('none', 'auto'),
  parallel_tool_calls: oneOf(true, false),
  functions: emptyList,
  function_call: oneOf('none', 'auto'),
  response_format: textFormat,
  modalities: justText,
  audio: nothingButNull,
  prediction: nothingButNull,
  reasoning_effort: oneOf('none'),
};

export const completionNoOps: NoOpFields = {
  ...sharedNoOps,
  suffix: oneOf(''),
  best_of: oneOf(1),
  response_format: textFormat,
};

/** Of a message, as OpenAI's own answers carry them and clients send them back. */
export const messageNoOps: NoOpFields = {
  refusal: nothingButNull,
  annotations: emptyList,
  audio: nothingButNull,
  tool_calls: emptyList,
  function_call: nothingButNull,
};

/**
 * The fields that mean something: null means absent, and what asks for nothing is dropped.
 * @param path of the object in the request, such as `messages[0].`; empty for the request itself
 * @throws HearthError REQUEST_UNSUPPORTED_FIELD if a known field asks for what is not supported
 */
export function withoutNoOps(
  body: Readonly<Record<string, unknown>>,
  noOps: NoOpFields,
  path = '',
): Record<string, unknown> {
  const meaningful = Object.entries(body).filter(([name, value]) => {
    if (value === null) return false;
    if (!Object.hasOwn(noOps, name)) return true;
    if (noOps[name]!(value)) return false;
    throw unsupportedField(path + name);
  });
  return Object.fromEntries(meaningful);
}

export function unsupportedField(field: string, detail = ''): HearthError {
  return new HearthError('REQUEST_UNSUPPORTED_FIELD', `"${field}" is not supported${detail}`, { field });
}
