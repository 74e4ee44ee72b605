import { expect, it, onTestFinished } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import { HoldOffs } from '../../coordinator/cluster/hold-offs.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Quarantine } from '../../coordinator/cluster/quarantine.ts';
import { Unrest } from '../../coordinator/cluster/unrest.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { Session } from '../../device-agent/session.ts';
import { HearthError } from '../../runtime/error.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { memoryLinkPair } from './memory-link.ts';
import { sessionOptions } from './test-cluster.ts';

const minute = 60_000;

it('each upset beyond the second doubles how long a device is held off, up to ten minutes', () => {
  const unrest = new Unrest();
  const holds = Array.from({ length: 11 }, (_, i) => {
    unrest.note(i * 1000);
    return unrest.holdMs(i * 1000) / 1000;
  });
  expect(holds).toEqual([0, 0, 15, 30, 60, 120, 240, 480, 600, 600, 600]);
});

it('a device that has been steady for ten minutes is as good as new', () => {
  const unrest = new Unrest();
  for (let i = 0; i < 4; i += 1) unrest.note(i * minute);
  expect(unrest.holdMs(4 * minute)).toBe(30_000);
  expect(unrest.holdMs(10 * minute)).toBe(15_000);
  expect(unrest.holdMs(11 * minute)).toBe(0);
  expect(unrest.holdMs(20 * minute)).toBe(0);
});

function house() {
  const clock = new FakeClock();
  let isStuck = false;
  const holdOffs = new HoldOffs({ clock, logger: silentLogger, isStuck: () => isStuck });
  onTestFinished(() => holdOffs.close());
  const join = async (name: string, identity = name, isNew = false) => {
    const [hub, link] = memoryLinkPair();
    new Session(link, sessionOptions(name, { clock }));
    const member = await admit(hub, { linkKind: 'websocket', clock, proven: { identity, isNew } });
    holdOffs.watch(member);
    return { member, link };
  };
  /** Comes and goes so often, each time after a while. @returns its last coming */
  const flap = async (identity: string, times: number, stayMs = 1_000): Promise<Member> => {
    let { member, link } = await join(identity);
    for (let i = 0; i < times; i += 1) {
      await clock.pass(stayMs);
      link.cut();
      await clock.pass(1_000);
      ({ member, link } = await join(`${identity}, called ${i}`, identity));
    }
    return member;
  };
  const stick = (does: boolean): void => {
    isStuck = does;
  };
  return { clock, holdOffs, join, flap, stick };
}

it('a device that comes and goes stands by for a while, whatever it calls itself', async () => {
  const { clock, flap, join } = house();
  const other = await join('steady');
  expect((await flap('cat', 2)).standBys.reason).toBe('');
  const member = await flap('laptop', 3);
  expect(member.standBys.reason).toBe(
    'it left or slowed down 3 times within 10 minutes, and is held off for 15 s',
  );
  await clock.pass(14_000);
  expect(member.standBys.has('holdOff')).toBe(true);
  await clock.pass(2_000);
  expect(member.standBys.has('holdOff')).toBe(false);
  expect(other.member.standBys.reason).toBe('');
});

it('who leaves again is held off for longer', async () => {
  const { clock, flap } = house();
  const member = await flap('laptop', 5);
  expect(member.standBys.reason).toMatch(/held off for 60 s/);
  await clock.pass(62_000);
  expect(member.standBys.reason).toBe('');
});

it('so is who slows down again and again', async () => {
  const { clock, holdOffs, join } = house();
  const { member } = await join('hot');
  for (let i = 0; i < 2; i += 1) {
    holdOffs.slowed(member);
    expect(member.standBys.reason).toBe('');
    await clock.pass(1_000);
  }
  holdOffs.slowed(member);
  expect(member.standBys.has('holdOff')).toBe(true);
});

it('nobody is held off while nobody else computes', async () => {
  const { clock, flap, stick } = house();
  const member = await flap('only', 6);
  expect(member.standBys.has('holdOff')).toBe(true);
  stick(true);
  await clock.pass(1_000);
  expect(member.standBys.has('holdOff')).toBe(true);
  await clock.pass(1_500);
  expect(member.standBys.has('holdOff')).toBe(false);
});

it('a quarantined device stays so when it comes back, until it is paired anew or let back', async () => {
  const { join } = house();
  const quarantine = new Quarantine();
  const come = async (name: string, isNew = false) => {
    const { member } = await join(name, 'key', isNew);
    quarantine.watch(member);
    return member;
  };
  const fault = new HearthError('DEVICE_WRONG', 'it computed wrongly: here');
  quarantine.put(await come('desk'), fault);
  const back = await come('another name');
  back.standBys.set('pause', 'paused');
  expect(back.standBys.reason).toBe('it computed wrongly: here');
  expect(quarantine.lift('desk')).toBe(false);
  expect(quarantine.lift('another name')).toBe(true);
  expect(back.standBys.reason).toBe('paused');

  quarantine.put(back, fault);
  expect((await come('desk')).standBys.has('quarantine')).toBe(true);
  expect((await come('desk', true)).standBys.has('quarantine')).toBe(false);
  expect((await come('desk')).standBys.has('quarantine')).toBe(false);
  for (let i = 0; i < 20; i += 1) quarantine.put(back, fault);
  expect(quarantine.faults).toHaveLength(16);
  expect(quarantine.faults[0]).toMatchObject({ device: 'another name', reason: 'it computed wrongly: here' });
  await settle();
});
