import { options, render } from 'preact';
import './styles/main.css';
import { installServiceWorker } from './install.ts';
import { followAddress } from './talk/address.ts';
import { followLink } from '../shared/api.ts';
import { watchServer } from './talk/server.ts';
import { App } from './views/app.tsx';

// However fast tokens come, what they change is drawn once a frame.
options.debounceRendering = (draw) => void requestAnimationFrame(draw);

void followLink().then(() => {
  followAddress();
  watchServer();
});
render(<App />, document.getElementById('page')!);
installServiceWorker();
