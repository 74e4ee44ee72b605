import { cluster } from '../cluster/watch.ts';
import { digits } from '../cluster/words.ts';

/** Who computes what and why, in words. */
export function Plan() {
  const { plan, planFailure, unmeasured = [] } = cluster.value ?? {};
  return (
    <section class="card" aria-labelledby="plan-title">
      <h2 id="plan-title">The plan</h2>
      {plan ? (
        <>
          <p>{`${plan.summary.charAt(0).toUpperCase()}${plan.summary.slice(1)}.`}</p>
          <dl class="pair">
            <div>
              <dt>Predicted</dt>
              <dd class="number">{digits(plan.tokensPerSecond)} tokens/s</dd>
            </div>
            <div>
              <dt>First token after</dt>
              <dd class="number">{digits(plan.ttftMs / 1000)} s</dd>
            </div>
          </dl>
          <ul class="remarks">
            {plan.standBy.map((why) => (
              <li key={why}>{why}.</li>
            ))}
          </ul>
        </>
      ) : (
        <p class="soft">{whyNone(planFailure ?? undefined)}</p>
      )}
      <ul class="remarks">
        {unmeasured.map((name) => (
          <li key={name}>{name} has not been measured yet.</li>
        ))}
      </ul>
    </section>
  );
}

function whyNone(failure: string | undefined): string {
  if (failure) return `No plan was found: ${failure}`;
  return 'Nothing is planned: shares were given by hand, or no device has been measured yet.';
}
