import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { AgentServer } from '../../coordinator/cluster/agent-server.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { joinCoordinator } from '../../device-agent/node/join.ts';
import { secret, sessionOptions } from '../cluster/test-cluster.ts';
import { SlowLink } from '../support/slow-link.ts';

/** The coordinator's end of a device that has joined over a network. */
async function memberBehind(prepare: (link: SlowLink) => void): Promise<Member> {
  const server = createServer();
  let onMember = (_: Member): void => {};
  const joined = new Promise<Member>((resolve) => (onMember = resolve));
  const agents = new AgentServer({ secret, onMember: (member) => onMember(member) });
  agents.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = await SlowLink.open((server.address() as AddressInfo).port);
  prepare(link);
  const stop = new AbortController();
  const { secret: _, name, nonce: __, ...device } = sessionOptions('far away');
  const url = `ws://127.0.0.1:${link.port}`;
  const done = joinCoordinator({ url, secret, name, signal: stop.signal, device });
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
  expect(await member.probe.link!.measure()).toBe(true);
  const { rttMs, rttP95Ms, downBytesPerSecond, upBytesPerSecond } = member.probe.link!.profile!;
  // Nothing is faster than the network, but for what its sockets hold; this machine may be busy with other things.
  expect(rttMs).toBeGreaterThan(9.5);
  expect(rttMs).toBeLessThan(60);
  expect(rttP95Ms).toBeGreaterThanOrEqual(rttMs);
  expect(downBytesPerSecond).toBeGreaterThan(6e6 / 3);
  expect(downBytesPerSecond).toBeLessThan(6e6 * 1.5);
  expect(upBytesPerSecond).toBeGreaterThan(2e6 / 3);
  expect(upBytesPerSecond).toBeLessThan(2e6 * 1.5);
}, 30_000);

test('a socket of this machine is faster than any of these', async () => {
  const member = await memberBehind(() => {});
  const { link } = member.probe;
  // On a busy machine not at once.
  for (let i = 0; i < 5 && !((link!.profile?.upBytesPerSecond ?? 0) > 6e6); i += 1) await link!.measure();
  expect(link!.profile!.upBytesPerSecond).toBeGreaterThan(6e6);
  expect(link!.profile!.downBytesPerSecond).toBeGreaterThan(1e6);
}, 30_000);
