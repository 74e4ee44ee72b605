import type { Message } from './conversation.ts';

/** Messages by id, in the order in which they were made. */
export type MessageTree = ReadonlyMap<string, Message>;

/** From the first message to this one. */
export function branchTo(tree: MessageTree, leaf: string | null): Message[] {
  const branch: Message[] = [];
  let next = leaf === null ? undefined : tree.get(leaf);
  while (next) {
    branch.push(next);
    next = next.parent === null ? undefined : tree.get(next.parent);
  }
  return branch.reverse();
}

/** Where a branch was left: from a message on always the newest child. */
export function newestLeaf(tree: MessageTree, from: string): string {
  const newest = new Map<string | null, string>();
  for (const { id, parent } of tree.values()) newest.set(parent, id);
  let leaf = from;
  for (let next = newest.get(leaf); next !== undefined; next = newest.get(leaf)) leaf = next;
  return leaf;
}
