import { reportOf } from '../../runtime/protocol/error-report.ts';
import { keepJoined } from '../keep-joined.ts';
import type { Logger } from '../logger.ts';
import { StandBySwitch } from '../stand-by-switch.ts';
import { BrowserKeys } from './browser-keys.ts';
import { openDatabase } from './database.ts';
import { browserDevice, type DeviceWishes } from './device.ts';
import type { DriverCommand, DriverReport, DriverSettings } from './driver-messages.ts';
import { websocketLink } from './websocket-link.ts';

/** From one report of the work to the next. */
const reportMs = 500;

const stop = new AbortController();
const wishes: DeviceWishes = { standBy: new StandBySwitch(), effort: 1 };
const tell = (report: DriverReport): void => postMessage(report);

/** Entry point of the worker that is a device: it has the link, leads the rank's threads, and lets the page be. */
self.onmessage = ({ data }: MessageEvent<DriverCommand>) => {
  if (data.type === 'leave') stop.abort();
  else if (data.type === 'standBy') wishes.standBy.set(data.reason);
  else if (data.type === 'effort') wishes.effort = data.effort;
  else
    drive(data.settings).then(
      () => tell({ type: 'ended', report: undefined }),
      (error: unknown) => tell({ type: 'ended', report: reportOf(error) }),
    );
};

async function drive({ url, secret, name, ...settings }: DriverSettings): Promise<void> {
  const database = await openDatabase();
  const onRates = (rates: Extract<DriverReport, { type: 'rates' }>['rates']) =>
    tell({ type: 'rates', rates });
  const [credentials, { device, ranks, gpu, cryptography }] = await Promise.all([
    BrowserKeys.open(database),
    browserDevice({ ...settings, database, wishes, logger, onRates }),
  ]);
  tell({ type: 'started', kernels: device.capabilities.kernels, gpu: gpu?.name });
  const timer = setInterval(() => tell({ type: 'work', work: ranks.work }), reportMs);
  await keepJoined({
    url,
    secret,
    credentials,
    name,
    signal: stop.signal,
    onStatus: (status) => tell({ type: 'status', status }),
    logger,
    openLink: websocketLink,
    cryptography,
    device,
  }).finally(() => clearInterval(timer));
}

const logger: Logger = {
  info: () => {},
  warn: ({ error }: { readonly error?: unknown }, message) => note(message, error),
  error: ({ error }: { readonly error?: unknown }, message) => note(message, error),
};

function note(message: string, error: unknown): void {
  const reason = error instanceof Error ? `: ${error.message}` : '';
  tell({ type: 'note', message: `${message}${reason}` });
}
