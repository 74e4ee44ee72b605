// Lets devices vanish under running answers, again and again, and tells how long clients waited for the next token and
// what for. Not a test: it takes as long as it is told to. docs/bench.md tells how to use it.
import { parseArgs } from 'node:util';
import { bundled } from '../support/bundled.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    faults: { type: 'string', default: '300' },
    kinds: { type: 'string', default: 'killed,stopped,silent,cut' },
    agents: { type: 'string', default: '4' },
    streams: { type: 'string', default: '2' },
    prompt: { type: 'string', short: 'p', default: '64' },
    generate: { type: 'string', short: 'n', default: '160' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '600' },
    serve: { type: 'string', default: '--split 1,1,1,1' },
  },
});

const isSound = await bundled('tests/soak/soak.ts', ({ soak }) => soak(values));
process.exitCode = isSound ? 0 : 1;
