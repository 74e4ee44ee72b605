import type { Assignment } from '../../runtime/plan/plan.ts';
import type { MemoryUse } from '../../runtime/protocol/messages.ts';
import type { Member } from './member.ts';
import { joinRanges, type VocabularyRange } from './step-run.ts';
import type { ModelSource } from './tile-delivery.ts';

/** A member in its place. */
export interface FormationRank {
  readonly member: Member;
  readonly assignment: Assignment;
  /** Bytes of its tiles. */
  readonly byteLength: number;
  readonly vocabularyRows: readonly VocabularyRange[];
  loadedTiles: number;
  /** As the device told last. */
  memory: MemoryUse | undefined;
}

export function formationRank(member: Member, assignment: Assignment, { tiles }: ModelSource): FormationRank {
  const specs = assignment.tileIds.map((id) => tiles[id]!);
  const vocabulary = specs.filter(({ kind }) => kind === 'vocabulary');
  return {
    member,
    assignment,
    byteLength: specs.reduce((sum, spec) => sum + spec.byteLength, 0),
    vocabularyRows: joinRanges(vocabulary.map(({ first, count }) => ({ first, end: first + count }))),
    loadedTiles: 0,
    memory: undefined,
  };
}
