import type { ComponentChildren } from 'preact';
import { settings } from '../lend/settings.ts';
import { totals } from '../lend/totals.ts';
import { bytes } from '../../shared/bytes.ts';

export function Facts() {
  const { tokens, tiles, keptTiles, usedBytes, windowBytes, decodeBytesPerSecond } = totals.value;
  return (
    <dl class="figures">
      <Figure name="Tokens helped" value={tokens.toLocaleString('en')}>
        since this page was opened
      </Figure>
      <Figure name="Speed" value={decodeBytesPerSecond ? `${bytes(decodeBytesPerSecond)}/s` : '–'}>
        of weights, measured
      </Figure>
      <Figure name="Memory" value={usedBytes ? bytes(usedBytes) : '–'}>
        of {bytes(settings.value.memoryBytes)} at most
      </Figure>
      <Figure name="Tiles held" value={tiles ? String(tiles) : '–'}>
        {tilesRemark(tiles, keptTiles, windowBytes)}
      </Figure>
    </dl>
  );
}

function tilesRemark(tiles: number, keptTiles: number, windowBytes: number): string {
  if (tiles === 0) return 'none yet';
  if (windowBytes > 0) return `streamed through ${bytes(windowBytes)}`;
  if (keptTiles === 0) return 'all were sent';
  return keptTiles === tiles ? 'all were kept here' : `${keptTiles} of them were kept here`;
}

function Figure({ name, value, children }: { name: string; value: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
      <dd class="soft">{children}</dd>
    </div>
  );
}
