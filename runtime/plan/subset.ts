import type { Layout } from './layout.ts';

/** A layout of some of the devices as one of all: the others have no part. @param ranks the device of each rank */
export function spreadLayout(layout: Layout, ranks: readonly number[], deviceCount: number): Layout {
  return mapShares(layout, (shares) =>
    Array.from({ length: deviceCount }, (_, device) => shares[ranks.indexOf(device)] ?? 0),
  );
}

/** A layout without the devices that have no part in it. @param ranks those that have one */
export function narrowLayout(layout: Layout, ranks: readonly number[]): Layout {
  return mapShares(layout, (shares) => ranks.map((device) => shares[device]!));
}

function mapShares(layout: Layout, change: (shares: readonly number[]) => number[]): Layout {
  return {
    ...layout,
    stages: layout.stages.map((stage) => ({
      ...stage,
      shares: change(stage.shares),
      ...(stage.ffnShares && { ffnShares: change(stage.ffnShares) }),
    })),
    vocabularyShares: change(layout.vocabularyShares),
  };
}
