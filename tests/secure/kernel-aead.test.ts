import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { KernelAead } from '../../runtime/secure/kernel-aead.ts';
import { opensslAead } from './openssl-aead.ts';

const aead = new KernelAead(startKernels());
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
/** Of any values, the same for each seed. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function sealed(by: typeof opensslAead, plaintext: Uint8Array, ad: Uint8Array, seed = 7): Uint8Array {
  const output = new Uint8Array(plaintext.length + 16);
  by.seal(noise(32, seed), noise(12, seed + 1), ad, plaintext, output);
  return output;
}

describe('ChaCha20-Poly1305 in the kernels', () => {
  it('gives the bytes of RFC 8439, 2.8.2', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const output = new Uint8Array(text.length + 16);
    const ad = bytesOf('50 51 52 53 c0 c1 c2 c3 c4 c5 c6 c7');
    aead.seal(key, bytesOf('07 00 00 00 40 41 42 43 44 45 46 47'), ad, Buffer.from(text), output);
    expect(output.subarray(0, 16)).toEqual(bytesOf('d3 1a 8d 34 64 8e 60 db 7b 86 af bc 53 ef 7e c2'));
    expect(output.subarray(-16)).toEqual(bytesOf('1a e1 0b 59 4f 09 e2 6a 7e 90 2e cb d0 60 06 91'));
  });

  // Around blocks, groups of four, and what goes through at a time.
  const lengths = [...Array(600).keys(), ...[16384, 32768].flatMap((at) => [at - 1, at, at + 1, at + 257])];
  it(`agrees with OpenSSL on ${lengths.length} lengths, in place too`, () => {
    for (const length of lengths) {
      const [plaintext, ad] = [noise(length, length), noise(length % 50, 3)];
      const message = sealed(aead, plaintext, ad, length);
      expect(Buffer.compare(message, sealed(opensslAead, plaintext, ad, length))).toBe(0);
      const inPlace = message.subarray(0, length);
      expect(aead.open(noise(32, length), noise(12, length + 1), ad, message, inPlace)).toBe(true);
      expect(Buffer.compare(inPlace, plaintext)).toBe(0);
    }
  });

  it('does not mind what was sealed before', () => {
    const [plaintext, ad] = [noise(100, 1), noise(12, 2)];
    const first = sealed(aead, plaintext, ad);
    sealed(aead, noise(40_000, 3), noise(31, 4), 9);
    expect(Buffer.compare(sealed(aead, plaintext, ad), first)).toBe(0);
  });

  it('refuses whatever was changed, and hands out nothing of it', () => {
    const [plaintext, ad] = [noise(300, 1), noise(12, 2)];
    const message = sealed(aead, plaintext, ad);
    fc.assert(
      fc.property(fc.nat(message.length - 1 + ad.length), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const [other, otherAd] = [Uint8Array.from(message), Uint8Array.from(ad)];
        if (at < message.length) other[at]! ^= bits;
        else otherAd[at - message.length]! ^= bits;
        const output = new Uint8Array(300).fill(1);
        expect(aead.open(noise(32, 7), noise(12, 8), otherAd, other, output)).toBe(false);
        expect(output.every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 500, seed: 5 },
    );
    expect(aead.open(noise(32, 7), noise(12, 8), ad, new Uint8Array(15), new Uint8Array())).toBe(false);
  });
});
