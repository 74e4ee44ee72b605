import { describe, expect, it } from 'vitest';
import type { Cryptography, KeyPair } from '../../runtime/secure/cryptography.ts';
import { Handshake, type Pattern, type Secured } from '../../runtime/secure/handshake.ts';
import { attachingPattern, joiningPattern, pairingPattern } from '../../runtime/secure/patterns.ts';
import { hosts } from './hosts.ts';
import { initEphemeral, prologue, respEphemeral, type Vector, vectors } from './noise-vectors.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

const patterns: Readonly<Record<string, Pattern>> = {
  NNpsk0: attachingPattern,
  IK: joiningPattern,
  // There are no vectors of XXpsk0: these two have its messages, and NNpsk0 has its use of the secret.
  XX: { ...pairingPattern, name: 'XX', messages: [['e'], ...pairingPattern.messages.slice(1)] },
  XXpsk3: {
    ...pairingPattern,
    name: 'XXpsk3',
    messages: [['e'], pairingPattern.messages[1]!, ['s', 'se', 'psk']],
  },
};

function pairOf(cryptography: Cryptography, privateKey: string): KeyPair {
  const key = bytes(privateKey);
  return { privateKey: key, publicKey: cryptography.publicKeyOf(key) };
}

function sides(cryptography: Cryptography, { name, initStatic, respStatic, psk }: Vector) {
  const pair = (key: string | undefined) => (key ? pairOf(cryptography, key) : undefined);
  const pattern = patterns[name]!;
  const shared = { cryptography, pattern, prologue: bytes(prologue), psk: psk ? bytes(psk) : undefined };
  const initiator = new Handshake({
    ...shared,
    initiator: true,
    own: pair(initStatic),
    ephemeral: pair(initEphemeral)!,
    remoteStatic: pattern.knowsResponder ? pair(respStatic)!.publicKey : undefined,
  });
  const responder = new Handshake({
    ...shared,
    initiator: false,
    own: pair(respStatic),
    ephemeral: pair(respEphemeral)!,
  });
  return { initiator, responder };
}

describe.each(Object.entries(hosts))('with %s cryptography', (_, cryptography) => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    '%s gives the published bytes',
    (_, vector) => {
      const { initiator, responder } = sides(cryptography, vector);
      const turns = [initiator, responder];
      let secured: Secured[] = [];
      vector.messages.forEach(([payload, ciphertext], i) => {
        const [from, to] = i % 2 === 0 ? turns : turns.toReversed();
        if (!from!.isDone) {
          expect(hex(from!.write(bytes(payload)))).toBe(ciphertext);
          expect(hex(to!.read(bytes(ciphertext)))).toBe(payload);
          if (from!.isDone) secured = turns.map((side) => side.secured());
        } else {
          const [sender, receiver] = i % 2 === 0 ? secured : secured.toReversed();
          const sealed = new Uint8Array(ciphertext.length / 2);
          sender!.sending.seal(new Uint8Array(), bytes(payload), sealed);
          expect(hex(sealed)).toBe(ciphertext);
          const opened = new Uint8Array(payload.length / 2);
          expect(receiver!.receiving.open(new Uint8Array(), sealed, opened)).toBe(true);
          expect(hex(opened)).toBe(payload);
        }
      });
      expect(turns.map((side) => hex(side.hash))).toEqual([vector.hash, vector.hash]);
      if (vector.initStatic)
        expect(hex(responder.remoteStatic!)).toBe(hex(pairOf(cryptography, vector.initStatic).publicKey));
    },
  );
});
