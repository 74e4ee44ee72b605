import { describe, expect, it } from 'vitest';
import { type AdmitOptions, admit } from '../../coordinator/cluster/admit.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Session } from '../../device-agent/session.ts';
import type { HearthError } from '../../runtime/error.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame } from '../../runtime/protocol/frame.ts';
import { proofOf } from '../../runtime/protocol/handshake.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import { packPlain } from '../../runtime/protocol/msgpack.ts';
import { samples } from '../protocol/samples.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { capabilities, nonceOf, secret, sessionOptions } from './test-cluster.ts';

function admitOptions(overrides: Partial<AdmitOptions> = {}): AdmitOptions {
  return { secret, softwareVersion: '0.1.0', linkKind: 'websocket', nonce: nonceOf(1), ...overrides };
}

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
  return { hub, device, closed, admitted: outcome(admit(hub, admitOptions(overrides))) };
}

/** The device's side, with a test in place of the coordinator. */
function serve(overrides: Parameters<typeof sessionOptions>[1] = {}) {
  const [hub, device] = memoryLinkPair();
  return { hub, device, session: new Session(device, sessionOptions('device', overrides)) };
}

const hello = (nonce = nonceOf(1)): ControlMessage => ({
  type: 'hello',
  protocolVersion,
  softwareVersion: '0.1.0',
  nonce,
});

const join = (helloNonce: Uint8Array, key = secret): ControlMessage => ({
  type: 'join',
  protocolVersion,
  softwareVersion: '0.1.0',
  name: 'device',
  nonce: nonceOf(2),
  mac: proofOf('join', key, helloNonce, nonceOf(2)),
  capabilities,
});

describe('the handshake', () => {
  it('lets in who knows the secret', async () => {
    const [hub, device] = memoryLinkPair();
    const session = new Session(device, sessionOptions('kitchen'));
    const member = (await outcome(admit(hub, admitOptions()))) as Member;
    await settle();
    expect(member.info).toEqual({
      name: 'kitchen',
      softwareVersion: '0.1.0',
      capabilities,
      link: 'websocket',
      session: nonceOf(2),
    });
    expect(session.state).toBe('joined');
    expect(messages(hub).map(({ type }) => type)).toEqual(['hello', 'welcome']);
    expect(messages(device).map(({ type }) => type)).toEqual(['join']);
    session.close();
    expect(await session.ended).toEqual({ joined: true, error: undefined, reason: 'the device left' });
  });

  it('refuses a device with another secret, and tells it why', async () => {
    const [hub, device] = memoryLinkPair();
    const session = new Session(device, sessionOptions('stranger', { secret: 'a guess' }));
    expect(await outcome(admit(hub, admitOptions()))).toMatchObject({ code: 'JOIN_REFUSED' });
    expect(await session.ended).toMatchObject({ joined: false, error: { code: 'JOIN_REFUSED' } });
  });

  it('refuses a recorded join on another link', async () => {
    const first = knock();
    first.device.send(encodeControl(join(nonceOf(1))));
    expect(await first.admitted).toMatchObject({ info: { name: 'device' } });
    const second = knock({ nonce: nonceOf(9) });
    second.device.send(first.device.sent[0]!);
    expect(await second.admitted).toMatchObject({ code: 'JOIN_REFUSED' });
    expect(await second.closed).toBe(4401);
  });

  it('refuses a recorded welcome on another link', async () => {
    const { hub, session } = serve({ nonce: nonceOf(8) });
    hub.send(encodeControl(hello()));
    hub.send(encodeControl({ type: 'welcome', mac: proofOf('welcome', secret, nonceOf(1), nonceOf(2)) }));
    expect(await session.ended).toMatchObject({ joined: false, error: { code: 'JOIN_REFUSED' } });
  });

  it('refuses a coordinator that sends the device’s own proof back', async () => {
    const { hub, session } = serve({ nonce: nonceOf(1) });
    hub.send(encodeControl(hello(nonceOf(1))));
    hub.send(encodeControl({ type: 'welcome', mac: proofOf('join', secret, nonceOf(1), nonceOf(1)) }));
    expect(await session.ended).toMatchObject({ error: { code: 'JOIN_REFUSED' } });
  });

  it('names both versions when they differ', async () => {
    const fields = { protocolVersion: 2, softwareVersion: '9.0.0', news: 1 };
    const frame = (index: number) =>
      encodeFrame({ type: 'control', flags: 0, index, id: 0, rows: 0 }, packPlain(fields));
    const { hub, session } = serve();
    hub.send(frame(1));
    const mismatch = {
      code: 'PROTOCOL_VERSION_MISMATCH',
      message: expect.stringMatching(/9\.0\.0.* protocol 2.* protocol 1/),
    };
    expect((await session.ended).error).toMatchObject(mismatch);
    const { device, admitted, closed, hub: door } = knock();
    device.send(frame(2));
    expect(await admitted).toMatchObject(mismatch);
    expect(await closed).toBe(4426);
    expect(messages(door).at(-1)).toMatchObject({ type: 'refused', ...mismatch });
  });
});

describe('before the welcome, a device obeys nobody', () => {
  it.each(samples.filter(({ type }) => !['hello', 'welcome', 'refused', 'error'].includes(type)))(
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

  it('a second hello ends the session', async () => {
    const { hub, session } = serve();
    hub.send(encodeControl(hello()));
    hub.send(encodeControl(hello()));
    expect(await session.ended).toMatchObject({ error: { code: 'PROTOCOL_UNEXPECTED_MESSAGE' } });
  });
});

describe('before its proof, a device may say nothing else', () => {
  const bad: [string, Uint8Array, string, number][] = [
    ['a ping', encodeControl({ type: 'ping', id: 1 }), 'PROTOCOL_UNEXPECTED_MESSAGE', 4409],
    ['a hello', encodeControl(hello()), 'PROTOCOL_UNEXPECTED_MESSAGE', 4409],
    ['half a frame', encodeControl(join(nonceOf(1))).subarray(0, 100), 'FRAME_TRUNCATED', 4422],
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
    const { device, admitted, closed } = knock();
    device.send(frame);
    expect(await admitted).toMatchObject({ code });
    expect(await closed).toBe(closeCode);
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
  it('of the coordinator in the handshake ends the session', async () => {
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
    const member = (await outcome(admit(hub, admitOptions({ clock, liveness })))) as Member;
    const lost: HearthError[] = [];
    member.attach({
      onControl: () => {},
      onTensors: () => {},
      onTileLink: () => {},
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
