import { useSignal } from '@preact/signals';
import { type Goal, goals } from '../../../../runtime/plan/goal.ts';
import { goalNames, kindNames, type Outlook, outlook } from '../cluster/what-if.ts';
import { cluster } from '../cluster/watch.ts';
import { digits } from '../cluster/words.ts';

/** As many as the coordinator plans with. */
const mostAdded = 16;

/** What another device, or another goal, would change. */
export function WhatIf() {
  const added = useSignal<readonly string[]>([]);
  const goal = useSignal<Goal>('latency');
  const isAsking = useSignal(false);
  const found = useSignal<Outlook | string | undefined>(undefined);
  const ask = async () => {
    isAsking.value = true;
    found.value = await outlook(goal.value, added.value).catch((error: Error) => error.message);
    isAsking.value = false;
  };
  return (
    <section class="card" aria-labelledby="what-if-title">
      <h2 id="what-if-title">What if …</h2>
      <fieldset>
        <legend>there were also</legend>
        <div class="kinds">
          {Object.entries(kindNames).map(([kind, name]) => (
            <button
              type="button"
              key={kind}
              class="chip"
              disabled={added.value.length >= mostAdded}
              onClick={() => {
                added.value = [...added.value, kind];
              }}
            >
              + {name}
            </button>
          ))}
        </div>
        <p class="added" role="status">
          {added.value.length === 0 ? 'nothing more' : counted(added.value)}
          {added.value.length > 0 && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                added.value = [];
              }}
            >
              Clear
            </button>
          )}
        </p>
      </fieldset>
      <label class="field">
        <span>and what counts were</span>
        <select
          value={goal.value}
          onChange={({ currentTarget }) => {
            goal.value = currentTarget.value as Goal;
          }}
        >
          {goals.map((name) => (
            <option key={name} value={name}>
              {goalNames[name]}
            </option>
          ))}
        </select>
      </label>
      <div class="row">
        <button type="button" class="main" disabled={isAsking.value} onClick={() => void ask()}>
          {isAsking.value ? 'Planning …' : 'Ask the planner'}
        </button>
      </div>
      <div aria-live="polite">{found.value !== undefined && <Answer found={found.value} />}</div>
    </section>
  );
}

function Answer({ found }: { found: Outlook | string }) {
  if (typeof found === 'string') return <p class="remarks">That cannot be planned: {found}</p>;
  const today = cluster.value?.plan;
  return (
    <>
      <table class="outlook">
        <thead>
          <tr>
            <td />
            <th scope="col">Today</th>
            <th scope="col">Then</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">tokens/s</th>
            <td class="number">{today ? digits(today.tokensPerSecond) : '–'}</td>
            <td class="number then">{digits(found.tokensPerSecond)}</td>
          </tr>
          <tr>
            <th scope="row">first token after</th>
            <td class="number">{today ? `${digits(today.ttftMs / 1000)} s` : '–'}</td>
            <td class="number then">{digits(found.ttftMs / 1000)} s</td>
          </tr>
        </tbody>
      </table>
      <ul class="remarks">
        {[found.summary, ...found.standBy].map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <p class="soft">Predicted, with devices as they typically are.</p>
    </>
  );
}

/** `2 × phone, laptop`. */
function counted(kinds: readonly string[]): string {
  return Object.entries(kindNames)
    .map(([kind, name]) => [kinds.filter((one) => one === kind).length, name] as const)
    .filter(([count]) => count > 0)
    .map(([count, name]) => (count === 1 ? name : `${count} × ${name}`))
    .join(', ');
}
