import type { Generation } from '../../runtime/generation/generation.ts';
import { kvPageTokens } from '../../runtime/generation/step-runner.ts';

/** A request on its way through the scheduler. */
export interface Sequence {
  /** Another one if it has started over. */
  generation: Generation;
  /** Where its keys and values are, once it is admitted. */
  slot: Slot | undefined;
  /** Tokens of `generation` that the slot holds for it: where its next step starts. */
  position: number;
  /** Tokens of the prompt that an earlier request had left in the slot. */
  cachedTokens: number;
  /** Number of the last step that it had a part in. */
  servedStep: number;
  /** How far it ever came. */
  furthest: number;
  /** How often it lost its cache since it last came further than before. */
  replays: number;
  /** It was in a step that failed, and must show alone whether it was the cause. */
  suspect: boolean;
}

/** One KV cache of the runner, busy with a sequence or keeping what the last one left. */
export interface Slot {
  readonly index: number;
  /** Tokens whose keys and values the runner holds in this slot. */
  readonly held: number[];
  owner: Sequence | undefined;
  /** Number of the step after which it became idle. */
  idleSince: number;
}

export function pagesFor(tokens: number): number {
  return Math.ceil(tokens / kvPageTokens);
}

/** Pages that a slot holds or may come to hold for its sequence. */
export function pagesOf(slot: Slot): number {
  const reserved = slot.owner ? pagesFor(slot.owner.generation.tokenLimit) : 0;
  // Until its first step, a new owner's slot still holds what the last one left.
  return Math.max(reserved, pagesFor(slot.held.length));
}

/**
 * The idle slot that serves a prompt best: one whose tokens are mostly the prompt's beginning (a conversation
 * that goes on); else an empty one; else the one idle for longest. A slot of which the prompt shares only a small
 * part, such as a system prompt, belongs to another conversation, which would lose more than this one gains.
 */
export function chooseSlot(idle: readonly Slot[], prompt: readonly number[]): Slot | undefined {
  const shared = new Map(idle.map((slot) => [slot, sharedPrefix(slot.held, prompt)]));
  const closest = idle.toSorted((a, b) => shared.get(b)! - shared.get(a)!)[0];
  if (closest && shared.get(closest)! > 0 && shared.get(closest)! * 2 >= closest.held.length) return closest;
  const empty = idle.find((slot) => slot.held.length === 0);
  return empty ?? longestIdle(idle);
}

export function longestIdle(idle: readonly Slot[]): Slot | undefined {
  return idle.toSorted((a, b) => a.idleSince - b.idleSince)[0];
}

/** Number of leading tokens that two sequences have in common. */
export function sharedPrefix(a: readonly number[], b: readonly number[]): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a[length] === b[length]) length++;
  return length;
}
