import { shown } from '../talk/address.ts';
import { model } from '../talk/server.ts';

const circumference = 2 * Math.PI * 8;

/** How much of what the model can look back on this conversation takes. */
export function ContextGauge() {
  const answer = shown.value.lastAnswer.value?.answer;
  const most = model.value?.contextLength;
  if (!answer || !most || answer.promptTokens === 0) return null;
  const used = answer.promptTokens + answer.answerTokens;
  const share = Math.min(1, used / most);
  const text = `${used.toLocaleString()} of ${most.toLocaleString()} tokens of context used`;
  return (
    <span class={share > 0.85 ? 'gauge full' : 'gauge'} title={text}>
      <meter class="unseen" min={0} max={most} value={used} aria-label={text} />
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="8" />
        <circle
          class="used"
          cx="10"
          cy="10"
          r="8"
          stroke-dasharray={`${share * circumference} ${circumference}`}
        />
      </svg>
      <span class="number">{Math.round(share * 100)} %</span>
    </span>
  );
}
