import { options, render } from 'preact';
import './styles/main.css';
import { followLink } from '../shared/api.ts';
import { watchOwner } from './cluster/owner.ts';
import { watchCluster } from './cluster/watch.ts';
import { App } from './views/app.tsx';

options.debounceRendering = (draw) => void requestAnimationFrame(draw);

void followLink().then(() => {
  watchCluster();
  watchOwner();
});
render(<App />, document.getElementById('page')!);
