import { workerData } from 'node:worker_threads';
import { openModelHere } from '../../device-agent/node/model-here.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import type { HashedTile } from '../cluster/tile-supply.ts';
import { answerQuestions } from '../thread/answer-questions.ts';

/** Entry point of a worker thread that cuts and hashes tiles of one model. */
const opened = openModelHere(workerData as ModelPlace);

answerQuestions(
  async (spec: TileSpec): Promise<HashedTile> => {
    const bytes = await (await opened).cutTile(spec);
    return { bytes, hash: nodeSha256(bytes) };
  },
  ({ bytes }) => [bytes.buffer as ArrayBuffer],
);
