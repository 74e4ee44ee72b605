import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { AgentServer } from '../../coordinator/cluster/agent-server.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { joinCoordinator } from '../../device-agent/node/join.ts';
import { secret, sessionOptions, testCredentials, testPairing } from '../cluster/test-cluster.ts';
import { SlowLink } from '../support/slow-link.ts';

/** The coordinator's end of a device that has joined over a network. */
async function memberBehind(prepare: (link: SlowLink) => void): Promise<Member> {
  const server = createServer();
  let onMember = (_: Member): void => {};
  const joined = new Promise<Member>((resolve) => (onMember = resolve));
  const agents = new AgentServer({ pairing: testPairing(), onMember: (member) => onMember(member) });
  agents.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = await SlowLink.open((server.address() as AddressInfo).port);
  prepare(link);
  const stop = new AbortController();
  const { name, ...device } = sessionOptions('far away');
  const url = `ws://127.0.0.1:${link.port}`;
  const done = joinCoordinator({
    url,
    secret,
    credentials: testCredentials(),
    name,
    signal: stop.signal,
    device,
  });
  onTestFinished(async () => {
    stop.abort();
    await done;
    agents.close();
    await link.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return joined;
}

test('a network of known delays and rates is measured as what it is', async () => {
  const member = await memberBehind(({ toAgents, toCoordinator }) => {
    toAgents.bytesPerSecond = 6e6;
    toCoordinator.bytesPerSecond = 2e6;
    toAgents.delayMs = 4;
    toCoordinator.delayMs = 6;
  });
  const { link } = member.probe;
  // This machine may be busy with other things: then it takes more than one measurement.
  await expect
    .poll(
      async () => {
        expect(await link!.measure()).toBe(true);
        const { downBytesPerSecond, upBytesPerSecond } = link!.profile!;
        return [Math.round(downBytesPerSecond / 3e6), Math.round(upBytesPerSecond / 1e6)];
      },
      { timeout: 20_000 },
    )
    .toEqual([2, 2]);
  // Nothing is faster than the network.
  const { rttMs, rttP95Ms } = link!.profile!;
  expect(rttMs).toBeGreaterThan(9.5);
  expect(rttMs).toBeLessThan(100);
  expect(rttP95Ms).toBeGreaterThanOrEqual(rttMs);
}, 30_000);

test('a socket of this machine is faster than any of these', async () => {
  const member = await memberBehind(() => {});
  const { link } = member.probe;
  // On a busy machine not at once.
  for (let i = 0; i < 5 && !((link!.profile?.upBytesPerSecond ?? 0) > 6e6); i += 1) await link!.measure();
  expect(link!.profile!.upBytesPerSecond).toBeGreaterThan(6e6);
  expect(link!.profile!.downBytesPerSecond).toBeGreaterThan(1e6);
}, 30_000);
