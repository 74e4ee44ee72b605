// Keeps a coordinator and three agents at work for a while, and tells whether what they take of memory stays as it is.
// docs/bench.md tells how to use it.
import { parseArgs } from 'node:util';
import { bundled } from '../support/bundled.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    // Seconds between two requests, and between two who leave or join.
    pause: { type: 'string', default: '5' },
    leave: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    serve: { type: 'string', default: '--split 1,1,1' },
    // While there is a file of this name nothing is asked.
    rest: { type: 'string' },
  },
});

const isFlat = await bundled('tests/soak/hour.ts', ({ hour }) => hour(values));
process.exitCode = isFlat ? 0 : 1;
