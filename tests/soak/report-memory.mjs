// Loaded into processes before their own program (NODE_OPTIONS): writes down what they take of memory, again and again.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const { HEARTH_SOAK_MEMORY: folder, HEARTH_SOAK_PERIOD_MS: periodMs } = process.env;

if (isMainThread && folder) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const path = join(folder, `${process.pid}.jsonl`);
  const note = () => {
    // What waits to be collected is no growth; the resident set has it all the same.
    const { rss } = process.memoryUsage();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    appendFileSync(path, `${JSON.stringify({ ms: Date.now(), rss, heap: heapUsed + external })}\n`);
  };
  setInterval(note, Number(periodMs)).unref();
}
