import { describe, expect, it } from 'vitest';
import { type AdmitOptions, admit } from '../../coordinator/cluster/admit.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Session } from '../../device-agent/session.ts';
import type { HearthError } from '../../runtime/error.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame } from '../../runtime/protocol/frame.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import { samples } from '../protocol/samples.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { capabilities, sessionOptions } from './test-cluster.ts';

/** An outcome as a value, so that a rejection is never unhandled. */
function outcome(member: Promise<Member>): Promise<Member | HearthError> {
  return member.catch((error: HearthError) => error);
}

const messages = (link: MemoryLink): ControlMessage[] =>
  link.sent.map((frame) => decodeControl(decodeFrame(frame, defaultFrameLimits)));

/** The coordinator's side, with a test in place of the device. */
function knock(overrides: Partial<AdmitOptions> = {}) {
  const [hub, device] = memoryLinkPair();
  const closed = new Promise<number>((resolve) => {
    device.onClose = (code) => resolve(code);
  });
  return { hub, device, closed, admitted: outcome(admit(hub, { linkKind: 'websocket', ...overrides })) };
}

/** The device's side, with a test in place of the coordinator. */
function serve(overrides: Parameters<typeof sessionOptions>[1] = {}) {
  const [hub, device] = memoryLinkPair();
  return { hub, device, session: new Session(device, sessionOptions('device', overrides)) };
}

const join: ControlMessage = {
  type: 'join',
  protocolVersion,
  softwareVersion: '0.1.0',
  name: 'device',
  capabilities,
};

describe('on a link that nobody else can get at', () => {
  it('a device is welcomed', async () => {
    const [hub, device] = memoryLinkPair();
    const session = new Session(device, sessionOptions('kitchen'));
    const member = (await outcome(admit(hub, { linkKind: 'websocket' }))) as Member;
    await settle();
    const { session: name, ...info } = member.info;
    const proven = { identity: 'kitchen', isNew: false };
    const told = { name: 'kitchen', softwareVersion: '0.1.0', capabilities };
    expect(info).toEqual({ ...told, ...proven, link: 'websocket' });
    expect(messages(hub)).toMatchObject([{ type: 'welcome', session: name }]);
    expect(session.state).toBe('joined');
    expect(messages(device).map(({ type }) => type)).toEqual(['join']);
    session.close();
    expect(await session.ended).toEqual({ joined: true, error: undefined, reason: 'the device left' });
  });

  it('no two sessions have the same name or key', async () => {
    const welcomes = await Promise.all(
      [1, 2].map(async () => {
        const { hub, device, admitted } = knock();
        device.send(encodeControl(join));
        await admitted;
        return messages(hub)[0] as Extract<ControlMessage, { type: 'welcome' }>;
      }),
    );
    expect(welcomes[0]!.session).not.toEqual(welcomes[1]!.session);
    expect(welcomes[0]!.tileKey).not.toEqual(welcomes[1]!.tileKey);
  });
});

describe('before the welcome, a device obeys nobody', () => {
  it.each(samples.filter(({ type }) => !['welcome', 'refused', 'error'].includes(type)))(
    '$type ends the session',
    async (message) => {
      const { hub, session } = serve();
      hub.send(encodeControl(message));
      expect(await session.ended).toMatchObject({
        joined: false,
        error: { code: 'PROTOCOL_UNEXPECTED_MESSAGE' },
      });
    },
  );
});

describe('before it has joined, a device may say nothing else', () => {
  const bad: [string, Uint8Array, string, number][] = [
    ['a ping', encodeControl({ type: 'ping', id: 1 }), 'PROTOCOL_UNEXPECTED_MESSAGE', 4409],
    ['half a frame', encodeControl(join).subarray(0, 100), 'FRAME_TRUNCATED', 4422],
    ['noise', new Uint8Array(64).fill(0xab), 'FRAME_MALFORMED', 4400],
    [
      'a tensor',
      encodeFrame({ type: 'sum', flags: 0, index: 0, id: 0, rows: 0 }),
      'PROTOCOL_UNEXPECTED_MESSAGE',
      4409,
    ],
    [
      'a byte of tensor',
      encodeFrame({ type: 'sum', flags: 0, index: 0, id: 0, rows: 0 }, new Uint8Array(1)),
      'FRAME_TOO_LARGE',
      4413,
    ],
    [
      'a long message',
      encodeFrame({ type: 'control', flags: 0, index: 2, id: 0, rows: 0 }, new Uint8Array(1 << 15)),
      'FRAME_TOO_LARGE',
      4413,
    ],
  ];
  it.each(bad)('%s ends the link', async (_, frame, code, closeCode) => {
    const { hub, device, admitted, closed } = knock();
    device.send(frame);
    expect(await admitted).toMatchObject({ code });
    expect(await closed).toBe(closeCode);
    expect(messages(hub).at(-1)).toMatchObject({ type: 'refused', code });
  });

  it('nothing for too long ends the link', async () => {
    const clock = new FakeClock();
    const { admitted, closed } = knock({ clock, handshakeTimeoutMs: 500 });
    await clock.pass(600);
    expect(await admitted).toMatchObject({ code: 'LINK_TIMEOUT' });
    expect(await closed).toBe(4408);
    expect(clock.timerCount).toBe(0);
  });

  it('leaving is heard', async () => {
    const { device, admitted } = knock();
    device.cut();
    expect(await admitted).toMatchObject({ code: 'DEVICE_LOST' });
  });
});

describe('silence', () => {
  it('of the coordinator ends the session', async () => {
    const clock = new FakeClock();
    const { session } = serve({ clock, handshakeTimeoutMs: 1_000 });
    await clock.pass(1_300);
    expect(await session.ended).toMatchObject({ joined: false, error: { code: 'LINK_TIMEOUT' } });
    expect(clock.timerCount).toBe(0);
  });

  it('is broken by pings; a link that is really dead is given up by both', async () => {
    const clock = new FakeClock();
    const [hub, device] = memoryLinkPair();
    const liveness = { pingAfterMs: 1_000, deadAfterMs: 4_000 };
    const session = new Session(device, sessionOptions('device', { clock, liveness }));
    const member = (await outcome(admit(hub, { linkKind: 'websocket', clock, liveness }))) as Member;
    const lost: HearthError[] = [];
    member.attach({
      onControl: () => {},
      onTensors: () => {},
      onTileLink: () => {},
      onStandBy: () => {},
      onLost: (error) => lost.push(error),
    });
    await clock.pass(10_000);
    expect(session.state).toBe('joined');
    expect(lost).toEqual([]);
    const pings = messages(hub).filter(({ type }) => type === 'ping' || type === 'pong');
    expect(pings.length).toBeGreaterThan(4);
    hub.silent = true;
    await clock.pass(5_000);
    expect(await session.ended).toMatchObject({ joined: true, error: { code: 'LINK_TIMEOUT' } });
    expect(lost).toMatchObject([{ code: 'LINK_TIMEOUT' }]);
    expect(clock.timerCount).toBe(0);
  });
});
