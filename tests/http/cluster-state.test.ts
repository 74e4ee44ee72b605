import { Hono } from 'hono';
import { expect, it } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Pauses } from '../../coordinator/cluster/pauses.ts';
import { Quarantine } from '../../coordinator/cluster/quarantine.ts';
import { StandBys } from '../../coordinator/cluster/stand-bys.ts';
import type { ClusterView } from '../../coordinator/http/cluster-routes.ts';
import { clusterStateRoutes, deviceRoutes } from '../../coordinator/http/cluster-state-routes.ts';
import { errorAnswer } from '../../coordinator/http/error-answer.ts';
import { addRoutes } from '../../coordinator/http/routes.ts';
import { HearthError } from '../../runtime/error.ts';
import { device } from '../support/device-state.ts';
import { errorOf } from './fixtures.ts';

const status = { running: 1, waiting: 2, slots: 4, kvPages: 8, reservedKvPages: 2, answerTokens: 30 };

/** @param devices that are here: what is done to the list shows */
function house(devices: DeviceState[], options = {}, quarantine = new Quarantine()) {
  const view: ClusterView = {
    cluster: { state: 'ready', members: [], deviceStates: () => [...devices] },
    planning: undefined,
    scheduler: { status },
    model: { name: 'tiny', tiles: [], config: { layerCount: 22 } },
    pauses: new Pauses(),
    quarantine,
  };
  const app = new Hono();
  const onError = (error: unknown) => expect.fail(String(error));
  addRoutes(
    app,
    clusterStateRoutes(() => view, { onError, periodMs: 5, ...options }),
    () => {},
  );
  addRoutes(
    app,
    deviceRoutes(() => view),
    () => {},
  );
  app.onError((error) => {
    const { status, body, headers } = errorAnswer(error);
    return Response.json(body, { status, headers });
  });
  return app;
}

/** Reads events one by one. */
function reader(response: Response) {
  const stream = response.body!.getReader();
  let pending = '';
  const next = async (): Promise<Record<string, unknown>> => {
    const end = pending.indexOf('\n\n');
    if (end >= 0) {
      const event = JSON.parse(pending.slice('data: '.length, end));
      pending = pending.slice(end + 2);
      return event;
    }
    const { value } = await stream.read();
    pending += new TextDecoder().decode(value);
    return next();
  };
  return { next, close: () => stream.cancel() };
}

it('tells all that the page shows at once', async () => {
  const answer = await (await house([device]).request('/v1/cluster/state')).json();
  expect(answer).toEqual({
    state: 'ready',
    model: { name: 'tiny', bytes: 0, layers: 22 },
    queue: { running: 1, waiting: 2, slots: 4, answerTokens: 30 },
    devices: [JSON.parse(JSON.stringify(device))],
    plan: null,
    planFailure: null,
    unmeasured: [],
    faults: [],
  });
});

it('tells a watcher all at first, and then what is not as it was', async () => {
  const devices = [device];
  const events = reader(await house(devices).request('/v1/cluster/events'));
  const first = await events.next();
  expect(first).toMatchObject({ state: 'ready', devices: [{ name: 'attic' }] });
  const second = await events.next();
  expect(Object.keys(second)).toEqual(['atMs']);
  expect(second.atMs).toBeGreaterThanOrEqual(first.atMs as number);
  devices.push({ ...device, name: 'desk' });
  // One may be on its way already.
  const next = [await events.next(), await events.next(), await events.next()];
  const told = next.filter((event) => 'devices' in event);
  expect(told).toMatchObject([{ devices: [{ name: 'attic' }, { name: 'desk' }] }]);
  expect(Object.keys(told[0]!).sort()).toEqual(['atMs', 'devices']);
  await events.close();
});

it('has so many watchers and no more, until one goes', async () => {
  const app = house([device], { maxWatchers: 1 });
  const events = reader(await app.request('/v1/cluster/events'));
  await events.next();
  expect((await errorOf(await app.request('/v1/cluster/events'))).slice(0, 2)).toEqual([503, 'SERVER_BUSY']);
  await events.close();
  const again = await app.request('/v1/cluster/events');
  expect(again.status).toBe(200);
  await again.body!.cancel();
});

it('does not pause who is not here', async () => {
  const response = await house([]).request('/v1/cluster/devices/nobody/pause', { method: 'POST' });
  expect((await errorOf(response)).slice(0, 2)).toEqual([400, 'REQUEST_INVALID']);
});

it('tells what a device has computed wrongly, and lets it compute again', async () => {
  const quarantine = new Quarantine();
  const app = house([device], {}, quarantine);
  const standBys = new StandBys(() => {});
  const member = { info: { name: 'attic', identity: 'key' }, standBys } as Member;
  const fault = new HearthError('DEVICE_WRONG', 'it computed wrongly: the FFN of layer 1');
  quarantine.put(member, fault, new Date('2026-11-23T08:00:00Z'));
  const { faults } = (await (await app.request('/v1/cluster/state')).json()) as { faults: object[] };
  expect(faults).toEqual([{ device: 'attic', at: '2026-11-23T08:00:00.000Z', reason: fault.message }]);
  const resume = () => app.request('/v1/cluster/devices/attic/resume', { method: 'POST' });
  expect(standBys.reason).toBe(fault.message);
  expect(await (await resume()).json()).toEqual({ name: 'attic', paused: false });
  expect(standBys.reason).toBe('');
  expect((await errorOf(await resume())).slice(0, 2)).toEqual([400, 'REQUEST_INVALID']);
});
