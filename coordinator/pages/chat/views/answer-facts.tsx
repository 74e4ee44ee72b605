import type { AnswerRecord } from '../../../conversations/conversation.ts';

/** How an answer came to be, in a line. */
export function AnswerFacts({ answer }: { answer: AnswerRecord }) {
  const { answerTokens, ttftMs, tokensPerSecond, devices, model, promptTokens, cachedTokens } = answer;
  const { notExact, corrected } = answer;
  if (answerTokens === 0) return null;
  const facts = [
    tokensPerSecond ? `${figure(tokensPerSecond)} tokens/s` : undefined,
    ttftMs === undefined ? undefined : `first after ${seconds(ttftMs)}`,
    `${answerTokens.toLocaleString()} ${answerTokens === 1 ? 'token' : 'tokens'}`,
    devices.length > 0 ? `on ${devices.join(', ')}` : undefined,
    notExact ? `not exact: ${notExact}` : undefined,
    corrected ? 'corrected: a device had computed wrongly' : undefined,
  ];
  const more = `${model}; prompt of ${promptTokens.toLocaleString()} tokens, ${cachedTokens.toLocaleString()} of them kept from before`;
  return (
    <span class="facts" title={more}>
      {facts.filter((fact) => fact !== undefined).join(' · ')}
    </span>
  );
}

function figure(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString();
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
