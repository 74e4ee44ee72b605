// Lets happen to simulated houses what seeds say, many of them. Not a test: chaos.test.ts takes a few. CONTRIBUTING.md
// tells more.
import { parseArgs } from 'node:util';
import { bundled } from '../support/bundled.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '600' },
    // What was done and logged, of each that fails; with one seed, in any case.
    trace: { type: 'boolean', default: false },
  },
});

const isSound = await bundled('tests/chaos/chaos-run.ts', ({ chaosRun }) => chaosRun(values));
process.exit(isSound ? 0 : 1);
