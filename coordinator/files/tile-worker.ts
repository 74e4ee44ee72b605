import { parentPort, workerData } from 'node:worker_threads';
import { openModelHere } from '../../device-agent/node/model-here.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import type { HashedTile } from '../cluster/tile-supply.ts';

/** What becomes of a tile that was asked for; in the order of the questions. */
export type TileAnswer = { readonly tile: HashedTile } | { readonly failure: TileFailure };

/** A HearthError: as an error it would lose its code on the way. */
export type TileFailure = Pick<HearthError, 'code' | 'message' | 'fields'>;

/** Entry point of a worker thread that cuts and hashes tiles of one model, one after another. */
const opened = openModelHere(workerData as ModelPlace);
let last: Promise<void> = Promise.resolve();

parentPort!.on('message', (spec: TileSpec) => {
  last = last.then(async () => {
    const answer = await answerTo(spec);
    parentPort!.postMessage(answer, 'tile' in answer ? [answer.tile.bytes.buffer as ArrayBuffer] : []);
  });
});

async function answerTo(spec: TileSpec): Promise<TileAnswer> {
  try {
    const bytes = await (await opened).cutTile(spec);
    return { tile: { bytes, hash: nodeSha256(bytes) } };
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    const { code, message, fields } = error;
    return { failure: { code, message, fields } };
  }
}
