import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import type { HashedTile, TileSupply } from '../cluster/tile-supply.ts';
import { QuestionThread } from '../thread/question-thread.ts';

/** Cuts and hashes tiles in a thread of its own: where steps pass through this one, they would wait for each tile. */
export class TileThread implements TileSupply {
  readonly #thread: QuestionThread<TileSpec, HashedTile>;

  constructor(place: ModelPlace, idleMs?: number) {
    this.#thread = new QuestionThread({
      purpose: 'cuts tiles',
      file: 'coordinator/files/tile-worker.js',
      workerData: place,
      idleMs,
      // It makes little garbage beside the tiles, which it hands on.
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
  }

  cut(spec: TileSpec): Promise<HashedTile> {
    return this.#thread.ask(spec);
  }

  /** Ends the thread; what was asked of it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
