import { devices, samples, work } from '../cluster/watch.ts';
import { milliseconds } from '../cluster/words.ts';
import { GraphFrame } from './graph-frame.tsx';
import { rateData, workData } from './graph-data.ts';
import { Rate } from './rate.tsx';

/** The last five minutes. */
export function Graphs() {
  const all = samples.value;
  const computing = devices.value.filter(({ key }) => work.value.has(key));
  const keys = computing.map(({ key }) => key);
  return (
    <section class="card graphs" aria-labelledby="graphs-title">
      <h2 id="graphs-title">The last minutes</h2>
      <GraphFrame title="Tokens/s" data={rateData(all)}>
        <span class="number">
          <Rate />
        </span>
      </GraphFrame>
      {keys.length > 0 && (
        <>
          <GraphFrame
            key={`own ${keys}`}
            title="ms a step, of its own"
            data={workData(all, keys, ({ ownMs }) => ownMs)}
          >
            <Legend keys={keys} figure="ownMs" />
          </GraphFrame>
          <GraphFrame
            key={`wait ${keys}`}
            title="ms a step, waiting for others"
            data={workData(all, keys, ({ waitMs }) => waitMs)}
          >
            <Legend keys={keys} figure="waitMs" />
          </GraphFrame>
        </>
      )}
    </section>
  );
}

function Legend({ keys, figure }: { keys: readonly string[]; figure: 'ownMs' | 'waitMs' }) {
  return (
    <ul class="legend">
      {keys.map((key, i) => (
        <li key={key}>
          <span class={`swatch series-${i % 8}`} />
          {key} <span class="number soft">{milliseconds(work.value.get(key)?.[figure] ?? 0)}</span>
        </li>
      ))}
    </ul>
  );
}
