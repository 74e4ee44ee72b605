// How fast a tab is with one thread, beside an agent of Node with one thread, each the only device of a coordinator:
//   node tests/bench/browser.mjs MODEL [--prompt 128] [--generate 64] [--repeat 3] [--only process,isolated,plain]
// Each joins twice: first all weights are sent to it, then it has kept them, and how long both take is told too. Needs
// a build, and Chromium (HEARTH_CHROMIUM).
import { parseArgs } from 'node:util';
import { BrowserLab } from './browser-lab.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: '128' },
    generate: { type: 'string', default: '64' },
    repeat: { type: 'string', default: '3' },
    only: { type: 'string', default: 'process,isolated,plain' },
  },
});
const [prompt, generate, repeat] = [values.prompt, values.generate, values.repeat].map(Number);

const lab = await BrowserLab.open(positionals[0], { threads: 1, memoryBytes: 4e9 });
try {
  for (const kind of values.only.split(',')) {
    const sent = await lab.join(kind);
    await sent.leave();
    const again = await lab.join(kind);
    const { prefill, decode } = await lab.rates({ prompt, generate, repeat });
    await again.leave();
    console.log(
      `${kind.padEnd(10)} prefill ${prefill.toFixed(1)}, decode ${decode.toFixed(1)} tokens/s; ` +
        `ready after ${sent.readyMs} ms, and after ${again.readyMs} ms with ${again.kept} tiles kept`,
    );
  }
} finally {
  await lab.close();
}
