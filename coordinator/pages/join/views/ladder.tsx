import { lentRanks } from '../lend/device.ts';
import { here } from '../lend/settings.ts';
import { keepsAwake } from '../lend/presence.ts';

interface Ability {
  readonly name: string;
  readonly has: boolean;
  /** What it brings, or what would bring it. */
  readonly remark: string;
}

const https = 'This page would need an https:// address.';

function abilities(): Ability[] {
  const isIsolated = here.rung === 'isolated';
  const hasFiles = isIsolated || here.rung === 'secure';
  return [
    {
      name: 'Computing in this browser',
      has: true,
      remark: `${here.platform}, ${here.processors} processors`,
    },
    {
      name: 'Relaxed SIMD',
      has: lentRanks.value[0]?.kernels === 'relaxed',
      remark: 'Twice as fast for most weights, where a browser has it: Chrome from 114 on.',
    },
    {
      name: 'Threads that share a memory',
      has: isIsolated,
      remark: isIsolated
        ? 'One rank, computed by several threads.'
        : `Each thread is a rank of its own instead. ${https}`,
    },
    {
      name: 'Weights that stream from files',
      has: hasFiles,
      remark: hasFiles
        ? 'A part of a model that is larger than the memory can be computed.'
        : `They are kept in the browser’s database, and must fit into memory. ${https}`,
    },
    gpuAbility(),
    {
      name: 'A screen that stays on',
      has: keepsAwake.value !== undefined,
      remark:
        keepsAwake.value === undefined
          ? `Set the screen to stay on while you lend. ${https}`
          : keepsAwake.value
            ? 'As long as this page is seen.'
            : 'Not at the moment.',
    },
  ];
}

/** Beside the processor. Without `https://` no browser has one for pages. */
function gpuAbility(): Ability {
  const name = 'A GPU that computes too';
  const [rank] = lentRanks.value;
  const tiles = rank?.work?.memory?.gpuTiles ?? 0;
  if (rank?.gpu)
    return { name, has: tiles > 0, remark: `${rank.gpu}: ${tiles > 0 ? `${tiles} tiles` : gpuRests}` };
  const where =
    here.rung === 'plain' ? https : 'This browser has none for pages, or it is switched off below.';
  return { name, has: false, remark: where };
}

const gpuRests = 'it would save no time here, as measured';

/** What the browser lets this page do, and what would let it do more. */
export function Ladder() {
  return (
    <section class="ladder" data-rung={here.rung}>
      <h3>What this browser allows here</h3>
      <ul>
        {abilities().map(({ name, has, remark }) => (
          <li key={name} class={has ? 'has' : ''}>
            <span class="mark" aria-hidden="true">
              {has ? '✓' : '·'}
            </span>
            <span>
              {name}
              {!has && <span class="unseen"> (not here)</span>}
              <small>{remark}</small>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
