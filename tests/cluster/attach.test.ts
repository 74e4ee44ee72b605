import { describe, expect, it } from 'vitest';
import { attaching, knock, type SessionKey } from '../../device-agent/knock.ts';
import type { Link } from '../../device-agent/link.ts';
import { sealedLink } from '../../device-agent/sealed-link.ts';
import { Session } from '../../device-agent/session.ts';
import type { HearthError } from '../../runtime/error.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame } from '../../runtime/protocol/frame.ts';
import { prologueOf } from '../../runtime/protocol/handshake.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import { Handshake } from '../../runtime/secure/handshake.ts';
import { attachingPattern } from '../../runtime/secure/patterns.ts';
import { settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { sessionOptions, welcome } from './test-cluster.ts';
import { framesOf, house, messagesOf, type TestHouse } from './test-house.ts';
import { visibleCryptography as cryptography } from './visible-cryptography.ts';

/** A stranger who tries to attach a link with some key. */
async function stranger(place: TestHouse, key: SessionKey, change = (message: Uint8Array) => message) {
  const [hub, link] = place.knock();
  const end: { code?: number; sealed?: Link; error?: HearthError } = {};
  const { send } = link;
  link.send = (frame) => send(change(frame));
  const options = { opener: attaching(cryptography, key), clock: place.clock, handshakeTimeoutMs: 1_000 };
  await knock(link, options, (sealed) => {
    end.sealed = sealed;
    sealed.onClose = (code) => (end.code = code);
  }).catch((error) => (end.error = error));
  await settle();
  const say = async (message: ControlMessage | Uint8Array): Promise<void> => {
    end.sealed!.send(message instanceof Uint8Array ? message : encodeControl(message));
    await settle();
  };
  return { hub, link, end, say };
}

describe('who attaches a link', () => {
  it('with the session’s key takes the place of the link before', async () => {
    const place = house();
    const { tileHubs } = await place.join('first');
    const { hub, end } = await stranger(place, place.keys[0]!);
    expect(messagesOf(hub).map(({ type }) => type)).toEqual(['hello', 'answer']);
    // The device that has lost it so opens one again, and takes the place in turn.
    await place.clock.pass(600);
    expect(tileHubs).toHaveLength(2);
    expect(end.code).toBe(1000);
  });

  it.each([
    ['another key', (key: SessionKey) => ({ ...key, tileKey: new Uint8Array(32) }), 'HANDSHAKE_FAILED'],
    ['an unknown session', (key: SessionKey) => ({ ...key, session: new Uint8Array(16) }), 'SESSION_UNKNOWN'],
  ])('with %s is refused, and nobody is disturbed', async (_, change, code) => {
    const place = house();
    const { session, tileHubs } = await place.join('honest');
    const { hub, end } = await stranger(place, change(place.keys[0]!));
    expect(messagesOf(hub).at(-1)).toMatchObject({ type: 'refused', code });
    expect(end.error).toMatchObject({ code });
    await place.clock.pass(1_000);
    expect(session.state).toBe('ready');
    expect(tileHubs).toHaveLength(1);
  });

  it('by the key of another session is refused', async () => {
    const place = house();
    await place.join('one');
    await place.join('two');
    const { end } = await stranger(place, { ...place.keys[0]!, tileKey: place.keys[1]!.tileKey });
    expect(end.error).toMatchObject({ code: 'HANDSHAKE_FAILED' });
  });

  it('by what was recorded on another link is refused', async () => {
    const place = house();
    await place.join('honest');
    const recorded = await stranger(place, place.keys[0]!);
    const { end } = await stranger(place, place.keys[0]!, () => recorded.link.sent[0]!);
    expect(end.error).toMatchObject({ code: 'HANDSHAKE_FAILED' });
  });

  it('of a session that has ended is refused', async () => {
    const place = house();
    const { session } = await place.join('gone');
    session.close();
    await settle();
    const { end } = await stranger(place, place.keys[0]!);
    expect(end.error).toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  const frames: [string, Uint8Array, number][] = [
    ['a partial', encodeFrame({ type: 'partial', flags: 0, index: 0, id: 0, rows: 1 }), 4409],
    ['a tile', encodeFrame({ type: 'tile', flags: 0, index: 0, id: 0, rows: 1 }), 4409],
    ['a ready', encodeControl({ type: 'ready', configurationId: 1 }), 4409],
    ['noise', new Uint8Array(64).fill(0xab), 4400],
    [
      'a long message',
      encodeFrame({ type: 'sum', flags: 0, index: 0, id: 0, rows: 0 }, new Uint8Array(32)),
      4413,
    ],
  ];
  it.each(frames)('and sends %s loses that link only', async (_, frame, code) => {
    const place = house();
    const { session } = await place.join('puppet', { tileLinks: undefined! });
    const { say, end, hub } = await stranger(place, place.keys[0]!);
    await say({ type: 'ping', id: 5 });
    expect(messagesOf(hub).at(-1)).toEqual({ type: 'pong', id: 5 });
    await say(frame);
    expect(end.code).toBe(code);
    expect(session.state).toBe('ready');
  });
});

describe('a device', () => {
  const hello = encodeControl({
    type: 'hello',
    protocolVersion,
    softwareVersion: '0.1.0',
    publicKey: new Uint8Array(32),
    nonce: new Uint8Array(32),
  });

  /** A device that has joined, with a test in place of the coordinator. */
  async function joined(tileKey = welcome.tileKey) {
    const [hub, link] = memoryLinkPair();
    const tileHubs: MemoryLink[] = [];
    const closes: number[] = [];
    let sealed: Link | undefined;
    const open = (): MemoryLink => {
      const [tileHub, tileLink] = memoryLinkPair();
      tileHub.onClose = (code) => closes.push(code);
      tileHub.onFrame = (bytes) => {
        const message = decodeControl(decodeFrame(bytes, defaultFrameLimits));
        if (message.type === 'attach') sealed = answer(tileHub, message.handshake);
      };
      tileHubs.push(tileHub);
      return tileLink;
    };
    /** The coordinator's part of the handshake. */
    const answer = (tileHub: MemoryLink, first: Uint8Array): Link | undefined => {
      const prologue = prologueOf('attach', hello, welcome.session);
      const pattern = attachingPattern;
      const handshake = new Handshake({ cryptography, initiator: false, pattern, prologue, psk: tileKey });
      try {
        handshake.read(first);
      } catch {
        tileHub.send(encodeControl({ type: 'answer', handshake: new Uint8Array(48) }));
        return undefined;
      }
      tileHub.send(encodeControl({ type: 'answer', handshake: handshake.write() }));
      const link = sealedLink(tileHub, handshake.secured());
      link.onClose = (code) => closes.push(code);
      return link;
    };
    const session = new Session(link, sessionOptions('device', { tileLinks: { open, cryptography } }));
    const before = tileHubs.length;
    hub.send(encodeControl(welcome));
    await settle();
    const say = async (...messages: (ControlMessage | Uint8Array)[]): Promise<void> => {
      for (const message of messages) {
        const frame = message instanceof Uint8Array ? message : encodeControl(message);
        (sealed ?? tileHubs[0]!).send(frame);
        await settle();
      }
    };
    return { session, tileHubs, closes, say, before };
  }

  it('opens no such link before its session has been welcomed', async () => {
    const { session, before, tileHubs } = await joined();
    expect(before).toBe(0);
    expect(tileHubs).toHaveLength(1);
    session.close();
  });

  const tile = encodeFrame({ type: 'tile', flags: 0, index: 0, id: 0, rows: 1 });
  const attach: ControlMessage = { type: 'attach', session: welcome.session, handshake: new Uint8Array(48) };
  const misdeeds: [string, (ControlMessage | Uint8Array)[], number][] = [
    ['answers unasked', [{ type: 'answer', handshake: new Uint8Array(48) }], 4409],
    ['welcomes where it should answer', [welcome], 4409],
    ['says hello twice', [hello, hello], 4421],
    ['sends a tile before its proof', [tile], 4409],
    ['attaches itself', [attach], 4409],
    ['sends other messages', [hello, { type: 'release', slot: 0 }], 4409],
    ['sends a step', [hello, encodeFrame({ type: 'step', flags: 0, index: 1, id: 0, rows: 1 })], 4409],
    ['sends noise', [hello, new Uint8Array(40).fill(0xab)], 4400],
  ];
  it.each(misdeeds)('closes a link for tiles whose other side %s, and stays', async (what, said, code) => {
    const { session, tileHubs, closes, say } = await joined();
    await say(said[0]!);
    // What is not sealed does not belong there any more, whatever it is.
    if (what === 'says hello twice') tileHubs[0]!.send(new Uint8Array(hello.length + 28).map(sealedNoise));
    else await say(...said.slice(1));
    await settle();
    expect(closes).toEqual([code]);
    expect(session.state).toBe('joined');
    session.close();
  });

  /** A sealed frame of the right length and number, and of the wrong bytes. */
  const sealedNoise = (_: number, i: number): number => (i === 0 ? hello.length + 16 : i < 12 ? 0 : 7);

  it('closes a link for tiles whose other side does not know the session', async () => {
    const { session, closes, say } = await joined(new Uint8Array(32));
    await say(hello);
    expect(closes).toEqual([4402]);
    expect(session.state).toBe('joined');
    session.close();
  });

  it('that is sent tiles for nothing ends its session', async () => {
    const { session, say } = await joined();
    await say(hello, tile);
    expect(await session.ended).toMatchObject({ error: { code: 'PROTOCOL_UNEXPECTED_MESSAGE' } });
  });

  it('answers pings there', async () => {
    const { session, say, tileHubs } = await joined();
    await say(hello, { type: 'ping', id: 4 });
    expect(framesOf(tileHubs[0]!)).toHaveLength(3);
    session.close();
  });
});
