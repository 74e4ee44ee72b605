import type { StageAssignment } from './stage-assignment.ts';

/** Layers [first, end). */
export interface LayerRun {
  readonly first: number;
  readonly end: number;
}

/** The longest run of whole layers in a stage in which no other rank has a part. */
export function loneLayers({ legs, firstSublayer, endSublayer }: StageAssignment): LayerRun | undefined {
  const runs = legs
    .filter(({ members }) => members === 1)
    .map(({ firstLayer, endLayer }) => ({
      first: Math.max(firstLayer, Math.ceil(firstSublayer / 2)),
      end: Math.min(endLayer, Math.floor(endSublayer / 2)),
    }))
    .filter(({ first, end }) => first < end);
  return runs.sort((a, b) => b.end - b.first - (a.end - a.first))[0];
}

export function layersOf({ first, end }: LayerRun): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}
