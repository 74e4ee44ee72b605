import { options, render } from 'preact';
import './styles/main.css';
import { keepTelling, lend } from './lend/device.ts';
import { endedByBrowser } from './lend/last-time.ts';
import { watchPresence } from './lend/presence.ts';
import { App } from './views/app.tsx';

options.debounceRendering = (draw) => void requestAnimationFrame(draw);

const wasEnded = endedByBrowser();
watchPresence();
// First: while its worker starts the page is drawn.
lend();
keepTelling();
render(<App wasEnded={wasEnded} />, document.getElementById('page')!);
// Weights are worth keeping when a browser runs short of room. Pages from plain addresses cannot ask for it.
(navigator.storage as StorageManager | undefined)?.persist().catch(() => {});
