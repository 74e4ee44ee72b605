import type { TileSpec } from './spec.ts';

/** Indexes of tiles that are computed side by side, those of one layer and kind; groups in the order of their first. */
export function tileGroups(specs: readonly TileSpec[]): number[][] {
  const groups = new Map<string, number[]>();
  specs.forEach(({ kind, layer }, index) => {
    const key = `${kind} ${layer}`;
    const group = groups.get(key);
    if (group) group.push(index);
    else groups.set(key, [index]);
  });
  return [...groups.values()];
}
