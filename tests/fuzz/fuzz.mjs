// Reads changed inputs at all doors, as many as it is told to. Not a test: fuzz.test.ts reads a few of each. CONTRIBUTING.md
// tells how to use it.
import { parseArgs } from 'node:util';
import { bundled } from '../support/bundled.mjs';

const { values } = parseArgs({
  options: {
    // Names from tests/fuzz/targets/, separated by commas; without them all, one after another.
    target: { type: 'string' },
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    // Of each target, at most.
    minutes: { type: 'string', default: '600' },
    // Reads the inputs of these files instead.
    replay: { type: 'string', multiple: true },
  },
});

const isSound = await bundled('tests/fuzz/fuzz-run.ts', ({ fuzzRun }) => fuzzRun(values));
process.exit(isSound ? 0 : 1);
