import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GreetOptions, greet } from '../../coordinator/cluster/greet.ts';
import type { Pairing } from '../../coordinator/pairing/pairing.ts';
import { joining, knock } from '../../device-agent/knock.ts';
import type { RememberingCredentials } from '../../device-agent/keep-joined.ts';
import { nodeCryptography as cryptography } from '../../device-agent/node/node-cryptography.ts';
import { HearthError } from '../../runtime/error.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits } from '../../runtime/protocol/frame.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import { FakeClock, settle } from '../cluster/fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from '../cluster/memory-link.ts';
import { secret, testCredentials, testPairing } from '../cluster/test-cluster.ts';

type End = { says: string } | HearthError;
const outcome = (end: Promise<{ says: string }>): Promise<End> => end.catch((error: HearthError) => error);
const first = (link: MemoryLink): ControlMessage =>
  decodeControl(decodeFrame(link.sent[0]!, defaultFrameLimits));

interface Meeting {
  readonly pairing?: Pairing;
  readonly credentials?: RememberingCredentials;
  readonly key?: string | undefined;
  readonly clock?: FakeClock;
  /** What becomes of a message on its way, by its number, the coordinator's hello being 0. */
  readonly change?: (message: Uint8Array, i: number) => Uint8Array;
}

/** A device knocks at a coordinator; when both are content the device says hello over the sealed link. */
async function meet({ pairing = testPairing(), credentials = testCredentials(), ...meeting }: Meeting = {}) {
  const { clock = new FakeClock(), change = (message) => message } = meeting;
  const key = 'key' in meeting ? meeting.key : secret;
  const [hub, link] = memoryLinkPair();
  let messages = 0;
  for (const end of [hub, link]) {
    const { send } = end;
    end.send = (frame) => send(change(frame, messages++));
  }
  const closes: number[] = [];
  link.onClose = (code) => closes.push(code);
  const options: GreetOptions = {
    guests: pairing,
    tileKeyOf: () => undefined,
    cryptography,
    softwareVersion: '0.1.0',
    clock,
  };
  const opener = joining(cryptography, credentials, key, '0.1.0');
  const knocked = knock(link, { opener, clock, handshakeTimeoutMs: 1_000 }, (sealed, coordinator) => {
    credentials.remember(coordinator, 'ws://den');
    sealed.send(new Uint8Array([1, 2, 3]));
    return { says: 'joined' };
  });
  const greeted = greet(
    hub,
    { ...options, handshakeTimeoutMs: 1_000 },
    (sealed, purpose) =>
      new Promise<{ says: string }>((resolve) => {
        if (purpose.type !== 'join') throw new Error('a device that joins');
        const { device, isNew } = purpose;
        if (isNew) pairing.add({ name: 'device', publicKey: device, pairedAt: new Date(0) });
        sealed.onFrame = (frame) => resolve({ says: `${isNew ? 'new' : 'known'} ${[...frame]}` });
      }),
  );
  const ends = [outcome(greeted), outcome(knocked)] as const;
  await settle();
  return { hub, link, closes, coordinator: ends[0], device: ends[1] };
}

describe('a device', () => {
  it('is paired by the secret once, and known from then on', async () => {
    const [pairing, credentials] = [testPairing(), testCredentials()];
    const one = await meet({ pairing, credentials });
    expect([await one.coordinator, await one.device]).toEqual([{ says: 'new 1,2,3' }, { says: 'joined' }]);
    expect(first(one.link)).toMatchObject({ type: 'pair' });
    const two = await meet({ pairing, credentials, key: undefined });
    expect([await two.coordinator, await two.device]).toEqual([{ says: 'known 1,2,3' }, { says: 'joined' }]);
    expect(first(two.link)).toMatchObject({ type: 'rejoin' });
    expect(pairing.devices.map(({ name }) => name)).toEqual(['device']);
  });

  it('says neither its key nor the secret to who listens', async () => {
    const [pairing, credentials] = [testPairing(), testCredentials()];
    for (const key of [secret, undefined]) {
      const { hub, link } = await meet({ pairing, credentials, key });
      const heard = Buffer.concat([...hub.sent, ...link.sent]);
      expect(heard.includes(Buffer.from(credentials.own.publicKey))).toBe(false);
      expect(heard.includes(Buffer.from(secret))).toBe(false);
      expect(heard.includes(Buffer.from(pairing.identity.publicKey))).toBe(true);
    }
  });

  it('with another secret is refused', async () => {
    const { coordinator, device, closes } = await meet({ key: 'a-guess-of-the-same-length' });
    expect(await coordinator).toMatchObject({ code: 'JOIN_REFUSED' });
    expect(await device).toMatchObject({ code: 'JOIN_REFUSED', message: /hearth serve prints/ });
    expect(closes).toEqual([]);
  });

  it('that has been revoked is refused', async () => {
    const [pairing, credentials] = [testPairing(), testCredentials()];
    await (await meet({ pairing, credentials })).coordinator;
    expect(pairing.revoke('device')).toHaveLength(1);
    const { coordinator, device } = await meet({ pairing, credentials });
    expect(await coordinator).toMatchObject({ code: 'DEVICE_NOT_PAIRED' });
    expect(await device).toMatchObject({ code: 'DEVICE_NOT_PAIRED' });
    // The secret that it may know is none any more.
    const again = await meet({ pairing, credentials: testCredentials() });
    expect(await again.device).toMatchObject({ code: 'JOIN_REFUSED' });
    expect(await (await meet({ pairing, key: pairing.secret })).device).toEqual({ says: 'joined' });
  });

  it('without a secret, or with that of another, obeys no second coordinator', async () => {
    const credentials = testCredentials();
    await (await meet({ credentials })).device;
    const second = testPairing('a-secret-of-the-second-one');
    const stolen = await meet({ pairing: second, credentials, key: undefined });
    expect(await stolen.device).toMatchObject({
      code: 'COORDINATOR_UNKNOWN',
      message: /hearth serve prints/,
    });
    expect(await stolen.coordinator).toMatchObject({ code: 'COORDINATOR_UNKNOWN' });
    const tried = await meet({ pairing: second, credentials });
    expect(await tried.device).toMatchObject({ code: 'JOIN_REFUSED' });
  });

  it('obeys nobody who only claims to be its coordinator', async () => {
    const [pairing, credentials] = [testPairing(), testCredentials()];
    await (await meet({ pairing, credentials })).device;
    const impostor = testPairing('a-secret-of-the-second-one');
    const claims = { ...impostor.identity, publicKey: pairing.identity.publicKey };
    const lies = Object.create(impostor, { identity: { value: claims } }) as Pairing;
    const { device, coordinator } = await meet({ pairing: lies, credentials, key: undefined });
    expect(await coordinator).toMatchObject({ code: 'HANDSHAKE_FAILED' });
    expect(await device).toMatchObject({ code: 'HANDSHAKE_FAILED' });
  });

  it.each([true, false])('recorded on another link is refused, paired before: %s', async (isKnown) => {
    const [pairing, credentials] = [testPairing(), testCredentials()];
    if (isKnown) await (await meet({ pairing, credentials })).device;
    const recorded = await meet({ pairing, credentials });
    await recorded.device;
    const { coordinator } = await meet({
      pairing,
      change: (message, i) => (i === 1 ? recorded.link.sent[0]! : message),
    });
    expect(await coordinator).toMatchObject({ code: isKnown ? 'HANDSHAKE_FAILED' : 'JOIN_REFUSED' });
  });

  it.each([0, 1, 2, 3])('and a coordinator notice a bit flipped in message %i', async (number) => {
    const change = (message: Uint8Array, i: number): Uint8Array => {
      const copy = Uint8Array.from(message);
      if (i === number) copy[copy.length - 1]! ^= 1;
      return copy;
    };
    const clock = new FakeClock();
    const { coordinator, device } = await meet({ change, clock });
    await clock.pass(1_500);
    expect(await coordinator).toBeInstanceOf(HearthError);
    expect(number === 3 || (await device) instanceof HearthError).toBe(true);
    expect(clock.timerCount).toBe(0);
  });
});

describe('a stranger', () => {
  /** What a coordinator makes of messages. */
  async function knockWith(...messages: Uint8Array[]) {
    const clock = new FakeClock();
    const [hub, link] = memoryLinkPair();
    const options: GreetOptions = {
      guests: testPairing(),
      tileKeyOf: () => new Uint8Array(32),
      cryptography,
      softwareVersion: '0.1.0',
      handshakeTimeoutMs: 500,
      clock,
    };
    const closed = new Promise<number>((resolve) => {
      link.onClose = (code) => resolve(code);
    });
    const end = outcome(greet<{ says: string }>(hub, options, () => ({ says: 'open' })));
    for (const message of messages) link.send(message);
    await settle();
    await clock.pass(600);
    expect(clock.timerCount).toBe(0);
    return { end: (await end) as HearthError, closed: await closed };
  }

  it('who says nothing is let go in time', async () => {
    expect(await knockWith()).toMatchObject({ end: { code: 'LINK_TIMEOUT' }, closed: 4408 });
  });

  const zero = new Uint8Array(32);
  const handshake = (length: number): Uint8Array => new Uint8Array(length);
  const versions = { protocolVersion, softwareVersion: '0.1.0' } as const;
  const session = new Uint8Array(16);
  it.each<[string, ControlMessage, string]>([
    ['a ping', { type: 'ping', id: 1 }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a hello', { type: 'hello', ...versions, publicKey: zero, nonce: zero }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a confirm', { type: 'confirm', handshake: handshake(64) }, 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['an empty pair', { type: 'pair', ...versions, handshake: handshake(0) }, 'JOIN_REFUSED'],
    ['a pair of zeros', { type: 'pair', ...versions, handshake: handshake(48) }, 'JOIN_REFUSED'],
    [
      'a rejoin by a key that is none',
      { type: 'rejoin', ...versions, handshake: handshake(96) },
      'HANDSHAKE_FAILED',
    ],
    ['a short attach', { type: 'attach', session, handshake: handshake(31) }, 'HANDSHAKE_FAILED'],
    [
      'an old pair',
      { type: 'pair', ...versions, protocolVersion: 1, handshake: zero },
      'PROTOCOL_VERSION_MISMATCH',
    ],
  ])('who says %s is refused', async (_, message, code) => {
    expect((await knockWith(encodeControl(message))).end).toMatchObject({ code });
  });

  it('who says anything at all is refused with a HearthError', async () => {
    const bytes = fc.uint8Array({ maxLength: 96 });
    const message = fc.oneof(
      bytes.map((handshake): ControlMessage => ({ type: 'pair', ...versions, handshake })),
      bytes.map((handshake): ControlMessage => ({ type: 'rejoin', ...versions, handshake })),
      bytes.map((handshake): ControlMessage => ({ type: 'attach', session, handshake })),
    );
    const said = fc.oneof(message.map(encodeControl), fc.uint8Array({ maxLength: 200 }));
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 3 }), async (messages) => {
        const { end } = await knockWith(...messages);
        expect(end).toBeInstanceOf(HearthError);
        expect(end.code).not.toBe('INTERNAL');
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it('in place of a coordinator gets nothing of a device but an error', async () => {
    const bytes = fc.uint8Array({ maxLength: 96 });
    await fc.assert(
      fc.asyncProperty(fc.nat(3), bytes, async (number, handshake) => {
        const change = (message: Uint8Array, i: number): Uint8Array =>
          i === 2 && number > 0
            ? encodeControl({ type: 'answer', handshake })
            : i === number
              ? handshake
              : message;
        const clock = new FakeClock();
        const { device } = await meet({ change, clock });
        await clock.pass(1_100);
        if (number !== 3) expect(await device).toBeInstanceOf(HearthError);
      }),
      { numRuns: 60, seed: 4 },
    );
  });
});
