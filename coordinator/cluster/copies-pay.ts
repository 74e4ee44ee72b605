import { kvPageBytes, pagePositions } from '../../runtime/kernels/kv-page.ts';
import type { FormationOptions } from './formation-options.ts';
import type { FormationRank } from './formation-rank.ts';

/** What a token's KV may take of any link: less than computing does, beside which it travels. */
const mostMsPerToken = 10;

/** Whether devices are to send copies of their KV: some may vanish, and no link has more urgent things to carry. */
export function copiesPay(
  ranks: readonly FormationRank[],
  { model, rankOptions }: Pick<FormationOptions, 'model' | 'rankOptions'>,
): boolean {
  const headBytes = kvPageBytes(model.description.config.headDim, rankOptions.kvFormat) / pagePositions;
  const remote = ranks.filter(({ member }) => member.info.link !== 'local');
  return (
    remote.length > 0 &&
    remote.every(({ member, assignment }) => {
      const heads = assignment.tileIds
        .map((id) => model.tiles[id]!)
        .reduce((sum, { kind, count }) => sum + (kind === 'attention' ? count : 0), 0);
      const upBytesPerSecond = member.probe.link?.profile?.upBytesPerSecond ?? Number.POSITIVE_INFINITY;
      return (1000 * heads * headBytes) / upBytesPerSecond <= mostMsPerToken;
    })
  );
}
