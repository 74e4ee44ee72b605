import { keyWanted } from '../../shared/api.ts';
import { KeyDialog } from '../../shared/key-dialog.tsx';
import { problem } from '../../shared/notices.ts';
import { owner } from '../cluster/owner.ts';
import { AddDialog } from './add-dialog.tsx';
import { Away } from './away.tsx';
import { DeviceTable } from './device-table.tsx';
import { openDialog } from './dialogs.ts';
import { Graphs } from './graphs.tsx';
import { Header } from './header.tsx';
import { Plan } from './plan.tsx';
import { RevokeDialog } from './revoke-dialog.tsx';
import { Star } from './star.tsx';
import { Summary } from './summary.tsx';
import { WhatIf } from './what-if.tsx';

export function App() {
  return (
    <div class="page">
      <Header />
      <main>
        <Problem />
        <Summary />
        <section class="card" aria-label="Devices">
          <Star />
          <DeviceTable />
          <Away />
        </section>
        <div class="two">
          <Plan />
          <WhatIf />
        </div>
        <Graphs />
      </main>
      <OpenDialog />
    </div>
  );
}

function Problem() {
  return problem.value ? (
    <p class="notice" role="alert">
      {problem.value}
    </p>
  ) : null;
}

function OpenDialog() {
  if (keyWanted.value) return <KeyDialog onEntered={async () => {}} />;
  const open = openDialog.value;
  if (open === undefined || !owner.value) return null;
  return open === 'add' ? <AddDialog joinUrl={owner.value.joinUrl} /> : <RevokeDialog name={open.revoke} />;
}
