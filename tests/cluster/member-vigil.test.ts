import { describe, expect, it } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Session } from '../../device-agent/session.ts';
import { FakeClock } from './fake-clock.ts';
import { memoryLinkPair } from './memory-link.ts';
import { sessionOptions } from './test-cluster.ts';

async function joined(linkKind: 'websocket' | 'local' = 'websocket') {
  const clock = new FakeClock();
  const [hub, link] = memoryLinkPair();
  const session = new Session(link, sessionOptions('device', { clock }));
  const member: Member = await admit(hub, { linkKind, clock });
  const lost: string[] = [];
  member.attach({
    onControl: () => {},
    onTensors: () => {},
    onTileLink: () => {},
    onStandBy: () => {},
    onLost: ({ code }) => lost.push(code),
  });
  return { clock, hub, link, session, member, lost };
}

const shape = { tokens: 1, isPrompt: false };

describe('a device in the middle of a step', () => {
  it('that answers is waited for, however long it computes', async () => {
    const { clock, member, lost } = await joined();
    member.stepBegins(shape);
    await clock.pass(60_000);
    expect(lost).toEqual([]);
  });

  it('that has gone silent is let go, once it is known how long it usually is', async () => {
    const { clock, link, member, lost } = await joined();
    member.stepBegins(shape);
    await clock.pass(500);
    member.stepEnds();
    member.stepBegins(shape);
    link.silent = true;
    await clock.pass(900);
    expect(lost).toEqual([]);
    await clock.pass(300);
    expect(lost).toEqual(['LINK_TIMEOUT']);
  });

  it('is not blamed while what it was sent is still leaving', async () => {
    const { clock, hub, link, member, lost } = await joined();
    link.silent = true;
    member.stepBegins(shape);
    hub.backlogBytes = 1e6;
    for (let i = 0; i < 60; i += 1) {
      hub.backlogBytes -= 1e4;
      await clock.pass(100);
    }
    expect(lost).toEqual([]);
    await clock.pass(5_200);
    expect(lost).toEqual(['LINK_TIMEOUT']);
  });

  it('of this process is a thread, which cannot vanish alone', async () => {
    const { clock, link, member, lost } = await joined('local');
    link.silent = true;
    member.stepBegins(shape);
    await clock.pass(8_000);
    expect(lost).toEqual([]);
  });

  it('between steps has longer', async () => {
    const { clock, link, lost } = await joined();
    link.silent = true;
    await clock.pass(9_000);
    expect(lost).toEqual([]);
    await clock.pass(2_000);
    expect(lost).toEqual(['LINK_TIMEOUT']);
  });
});
