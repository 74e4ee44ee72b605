import { describe, expect, it } from 'vitest';
import { Session } from '../../device-agent/session.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import { encodeFrame } from '../../runtime/protocol/frame.ts';
import { proofOf } from '../../runtime/protocol/handshake.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import { settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { nonceOf, secret, sessionOptions } from './test-cluster.ts';
import { framesOf, house, messagesOf, type TestHouse } from './test-house.ts';

/** A link to the coordinator in the hands of a test; its hello has come. */
async function stranger(place: TestHouse) {
  const [hub, link] = place.knock();
  const end: { code?: number } = {};
  link.onClose = (code) => (end.code = code);
  await settle();
  const [hello] = messagesOf(hub);
  const helloNonce = hello!.type === 'hello' ? hello!.nonce : nonceOf(0);
  const say = async (message: ControlMessage | Uint8Array): Promise<void> => {
    link.send(message instanceof Uint8Array ? message : encodeControl(message));
    await settle();
  };
  return { hub, link, end, helloNonce, say };
}

function attach(helloNonce: Uint8Array, session: Uint8Array, key = secret): ControlMessage {
  const nonce = nonceOf(9);
  return { type: 'attach', session, nonce, mac: proofOf('attach', key, helloNonce, nonce, session) };
}

const sessionOf = (place: TestHouse): Uint8Array => [...place.members][0]!.info.session;

describe('who attaches a link', () => {
  it('with a right proof takes the place of the link before', async () => {
    const place = house();
    const { tileHubs } = await place.join('first');
    const { hub, helloNonce, say, end } = await stranger(place);
    await say(attach(helloNonce, sessionOf(place)));
    expect(messagesOf(hub).at(-1)).toEqual({
      type: 'attached',
      mac: proofOf('attached', secret, helloNonce, nonceOf(9), sessionOf(place)),
    });
    // The device that has lost it so opens one again, and takes the place in turn.
    await place.clock.pass(600);
    expect(tileHubs).toHaveLength(2);
    expect(end.code).toBe(1000);
  });

  const label = (name: 'join' | 'welcome' | 'attached') => (hello: Uint8Array, session: Uint8Array) =>
    ({ ...attach(hello, session), mac: proofOf(name, secret, hello, nonceOf(9), session) }) as ControlMessage;
  const wrong: [string, (hello: Uint8Array, session: Uint8Array) => ControlMessage][] = [
    ['another secret', (hello, session) => attach(hello, session, 'a guess')],
    ['an unknown session', (hello) => attach(hello, nonceOf(77))],
    ['the proof of a join', label('join')],
    ['the proof of a welcome', label('welcome')],
    ['the coordinator’s own proof', label('attached')],
    [
      'the proof of another session',
      (hello, session) => ({ ...attach(hello, nonceOf(77)), session }) as ControlMessage,
    ],
    ['a proof recorded on another link', (_, session) => attach(nonceOf(50), session)],
  ];
  it.each(wrong)('with %s is refused, and nobody is disturbed', async (_, message) => {
    const place = house();
    const { session, tileHubs } = await place.join('honest');
    const { hub, helloNonce, say, end } = await stranger(place);
    await say(message(helloNonce, sessionOf(place)));
    expect(messagesOf(hub).at(-1)).toMatchObject({ type: 'refused', code: 'JOIN_REFUSED' });
    expect(end.code).toBe(4401);
    await place.clock.pass(1_000);
    expect(session.state).toBe('ready');
    expect(tileHubs).toHaveLength(1);
  });

  it('of a session that has ended is refused', async () => {
    const place = house();
    const { session } = await place.join('gone');
    const nonce = sessionOf(place);
    session.close();
    const { helloNonce, say, end } = await stranger(place);
    await say(attach(helloNonce, nonce));
    expect(end.code).toBe(4401);
  });

  const frames: [string, Uint8Array, number][] = [
    ['a partial', encodeFrame({ type: 'partial', flags: 0, index: 0, id: 0, rows: 1 }), 4409],
    ['a tile', encodeFrame({ type: 'tile', flags: 0, index: 0, id: 0, rows: 1 }), 4409],
    ['a ready', encodeControl({ type: 'ready', configurationId: 1 }), 4409],
    ['noise', new Uint8Array(64).fill(0xab), 4400],
    ['a long message', encodeFrame({ type: 'sum', flags: 0, index: 0, id: 0, rows: 0 }, nonceOf(1)), 4413],
  ];
  it.each(frames)('and sends %s loses that link only', async (_, frame, code) => {
    const place = house();
    const { session } = await place.join('puppet', { tileLinks: undefined! });
    const { helloNonce, say, end, hub } = await stranger(place);
    await say(attach(helloNonce, sessionOf(place)));
    await say({ type: 'ping', id: 5 });
    expect(messagesOf(hub).at(-1)).toEqual({ type: 'pong', id: 5 });
    await say(frame);
    expect(end.code).toBe(code);
    expect(session.state).toBe('ready');
  });
});

describe('a device', () => {
  const hello: ControlMessage = {
    type: 'hello',
    protocolVersion,
    softwareVersion: '0.1.0',
    nonce: nonceOf(1),
  };
  const proof = (name: 'attached' | 'attach' | 'welcome', key = secret): ControlMessage => ({
    type: 'attached',
    mac: proofOf(name, key, nonceOf(1), nonceOf(3), nonceOf(2)),
  });

  /** A device that has joined, with a test in place of the coordinator. */
  async function joined() {
    const [hub, link] = memoryLinkPair();
    const tileHubs: MemoryLink[] = [];
    const closes: number[] = [];
    const open = (): MemoryLink => {
      const [tileHub, tileLink] = memoryLinkPair();
      tileHub.onClose = (code) => closes.push(code);
      tileHubs.push(tileHub);
      return tileLink;
    };
    const newNonce = () => nonceOf(3);
    const session = new Session(link, sessionOptions('device', { tileLinks: { open, newNonce } }));
    hub.send(encodeControl(hello));
    hub.send(encodeControl({ type: 'welcome', mac: proofOf('welcome', secret, nonceOf(1), nonceOf(2)) }));
    await settle();
    const say = async (message: ControlMessage | Uint8Array): Promise<void> => {
      tileHubs[0]!.send(message instanceof Uint8Array ? message : encodeControl(message));
      await settle();
    };
    return { session, tileHubs, closes, say };
  }

  it('opens no such link before its session has been welcomed', async () => {
    let opened = 0;
    const open = (): MemoryLink => {
      opened += 1;
      return memoryLinkPair()[0];
    };
    const [hub, link] = memoryLinkPair();
    const session = new Session(
      link,
      sessionOptions('device', { tileLinks: { open, newNonce: () => nonceOf(3) } }),
    );
    hub.send(encodeControl(hello));
    await settle();
    expect(opened).toBe(0);
    session.close();
  });

  const tile = encodeFrame({ type: 'tile', flags: 0, index: 0, id: 0, rows: 1 });
  const misdeeds: [string, (ControlMessage | Uint8Array)[], number][] = [
    ['is not who it should be', [hello, proof('attached', 'a guess')], 4401],
    ['sends the device’s own proof back', [hello, proof('attach')], 4401],
    ['proves what it proved before', [hello, proof('welcome')], 4401],
    ['proves itself unasked', [proof('attached')], 4409],
    ['welcomes where it should attach', [hello, { type: 'welcome', mac: nonceOf(0) }], 4409],
    ['says hello twice', [hello, hello], 4409],
    ['sends a tile before its proof', [hello, tile], 4409],
    ['sends other messages', [hello, proof('attached'), { type: 'release', slot: 0 }], 4409],
    [
      'sends a step',
      [hello, proof('attached'), encodeFrame({ type: 'step', flags: 0, index: 1, id: 0, rows: 1 })],
      4409,
    ],
    ['sends noise', [hello, proof('attached'), new Uint8Array(40).fill(0xab)], 4400],
  ];
  it.each(misdeeds)('closes a link for tiles whose other side %s, and stays', async (_, said, code) => {
    const { session, closes, say } = await joined();
    for (const message of said) await say(message);
    expect(closes).toEqual([code]);
    expect(session.state).toBe('joined');
    session.close();
  });

  it('that is sent tiles for nothing ends its session', async () => {
    const { session, say } = await joined();
    for (const message of [hello, proof('attached'), tile]) await say(message);
    expect(await session.ended).toMatchObject({ error: { code: 'PROTOCOL_UNEXPECTED_MESSAGE' } });
  });

  it('answers pings there', async () => {
    const { session, say, tileHubs } = await joined();
    const heard: Uint8Array[] = [];
    tileHubs[0]!.onFrame = (frame) => heard.push(frame);
    for (const message of [hello, proof('attached'), { type: 'ping', id: 4 } as const]) await say(message);
    expect(heard.at(-1)).toEqual(encodeControl({ type: 'pong', id: 4 }));
    session.close();
    expect(framesOf(tileHubs[0]!)).toHaveLength(3);
  });
});
