import { render } from 'preact';
import './styles/main.css';
import { lend } from './lend/device.ts';
import { App } from './views/app.tsx';

render(<App />, document.getElementById('page')!);
lend();
