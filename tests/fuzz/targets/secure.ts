import { type GreetOptions, greet } from '../../../coordinator/cluster/greet.ts';
import { joining, knock } from '../../../device-agent/knock.ts';
import { nodeCryptography } from '../../../device-agent/node/node-cryptography.ts';
import { encodeControl } from '../../../runtime/protocol/control.ts';
import { CipherState } from '../../../runtime/secure/cipher-state.ts';
import { FrameOpener, FrameSealer } from '../../../runtime/secure/sealed-frames.ts';
import { FakeClock } from '../../cluster/fake-clock.ts';
import { secret, testCredentials, testPairing } from '../../cluster/test-cluster.ts';
import {
  attaching,
  hello,
  pairing,
  rejoining,
  session,
  tileKey,
  versions,
} from '../../protocol/handshake-sample.ts';
import { packSequence, sequenceMutator, unpackSequence } from '../sequence.ts';
import type { Target } from '../target.ts';
import { mutateFrame } from './frame.ts';
import { oneEnd } from './one-end.ts';

/** Frames on a link that is sealed. */
export function sealedTarget(): Target {
  const cipher = (): CipherState => new CipherState(nodeCryptography, tileKey);
  const sealer = new FrameSealer(cipher());
  const frames = [0, 1, 40].map((length) => sealer.seal(new Uint8Array(length).fill(length)));
  return {
    seeds: [packSequence(frames)],
    mutate: sequenceMutator(),
    read: (input) => {
      const opener = new FrameOpener(cipher());
      const opened = unpackSequence(input).map((frame) => opener.open(Uint8Array.from(frame)));
      return `${opened.length} opened`;
    },
  };
}

/** What a stranger says to a coordinator. */
export function greetTarget(): Target {
  const guests = testPairing();
  const { messages: attach } = attaching();
  const options: GreetOptions = {
    guests,
    tileKeyOf: (named) => (Buffer.compare(named, session) === 0 ? tileKey : undefined),
    cryptography: nodeCryptography,
    softwareVersion: '0.1.0',
    clock: new FakeClock(),
  };
  return {
    seeds: [
      packSequence([
        encodeControl({ type: 'pair', ...versions, handshake: pairing().messages[0]! }),
        encodeControl({ type: 'confirm', handshake: pairing().messages[2]! }),
      ]),
      packSequence([encodeControl({ type: 'rejoin', ...versions, handshake: rejoining().messages[0]! })]),
      packSequence([encodeControl({ type: 'attach', session, handshake: attach[0]! })]),
    ],
    mutate: sequenceMutator(mutateFrame),
    read: (input) => {
      const link = oneEnd();
      const greeted = greet(link, options, (_, { type }) => type);
      return link.hear(unpackSequence(input), greeted);
    },
  };
}

/** What somebody says to a device that knocks. */
export function knockTarget(): Target {
  const credentials = testCredentials();
  const clock = new FakeClock();
  return {
    seeds: [
      packSequence([
        encodeControl(hello),
        encodeControl({ type: 'answer', handshake: pairing().messages[1]! }),
      ]),
    ],
    mutate: sequenceMutator(mutateFrame),
    read: (input) => {
      const link = oneEnd();
      const opener = joining(nodeCryptography, credentials, secret, '0.1.0');
      const knocked = knock(link, { opener, clock, handshakeTimeoutMs: 1_000 }, () => 'in');
      return link.hear(unpackSequence(input), knocked);
    },
  };
}
