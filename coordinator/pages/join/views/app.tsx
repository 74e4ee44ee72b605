import { lent } from '../lend/device.ts';

export function App() {
  return (
    <main>
      {lent.value.map((rank, i) => (
        <pre key={i} data-state={rank.status.state}>
          {JSON.stringify(rank, undefined, 1)}
        </pre>
      ))}
    </main>
  );
}
