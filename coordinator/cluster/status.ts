import type { ClusterState, FullClusterOptions } from './cluster-options.ts';
import { Changes } from './task-queue.ts';

/** The state that a cluster is in, and those who wait for it to change. */
export class Status {
  /** Of the state, and of who is here. */
  readonly changes: Changes;
  readonly #onState: (state: ClusterState) => void;
  #state: ClusterState = 'waiting';

  constructor({ clock, onState }: Pick<FullClusterOptions, 'clock' | 'onState'>) {
    this.changes = new Changes(clock);
    this.#onState = onState;
  }

  get state(): ClusterState {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  enter(state: ClusterState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
    this.changes.happened();
  }
}
