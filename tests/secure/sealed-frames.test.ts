import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Link } from '../../device-agent/link.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { sealedLink } from '../../device-agent/sealed-link.ts';
import { CipherState } from '../../runtime/secure/cipher-state.ts';
import type { Cryptography } from '../../runtime/secure/cryptography.ts';
import { FrameOpener, FrameSealer, sealedOverhead } from '../../runtime/secure/sealed-frames.ts';
import { settle } from '../cluster/fake-clock.ts';
import { memoryLinkPair } from '../cluster/memory-link.ts';
import { hosts } from './hosts.ts';

const keyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const frameOf = (byte: number, byteLength = 40): Uint8Array => new Uint8Array(byteLength).fill(byte);

function sealer(byte = 1, cryptography: Cryptography = nodeCryptography, rekeyFrames?: number): FrameSealer {
  return new FrameSealer(new CipherState(cryptography, keyOf(byte)), rekeyFrames);
}
function opener(byte = 1, cryptography: Cryptography = nodeCryptography, rekeyFrames?: number): FrameOpener {
  return new FrameOpener(new CipherState(cryptography, keyOf(byte)), rekeyFrames);
}

describe('sealed frames', () => {
  it.each([0, 1, 15, 16, 6144, 70_000])(
    'of %i bytes are the same from every host, and open again',
    (length) => {
      const frame = Uint8Array.from({ length }, (_, i) => i * 7);
      const [ours, theirs] = [sealer(1, nodeCryptography), sealer(1, hosts.OpenSSL)];
      for (let i = 0; i < 2; i += 1) {
        const sealed = ours.seal(frame);
        expect(sealed).toHaveLength(length + sealedOverhead);
        expect(Buffer.compare(sealed, theirs.seal(frame))).toBe(0);
      }
      for (const cryptography of Object.values(hosts)) {
        const opened = opener(1, cryptography).open(sealer(1, cryptography).seal(frame));
        expect(Buffer.compare(opened, frame)).toBe(0);
      }
    },
  );

  it('show nothing of what is in them, nor whether it is the same again', () => {
    const from = sealer();
    const [first, second] = [from.seal(frameOf(0, 256)), from.seal(frameOf(0, 256))];
    expect(Buffer.compare(first.subarray(12), second.subarray(12))).not.toBe(0);
    expect(Buffer.from(first).includes(Buffer.alloc(16))).toBe(false);
  });

  it('go on under new keys, on both sides at once', () => {
    const [from, to] = [sealer(1, nodeCryptography, 3), opener(1, hosts.OpenSSL, 3)];
    const unchanged = sealer(1);
    const same: boolean[] = [];
    for (let i = 0; i < 8; i += 1) {
      const sealed = from.seal(frameOf(i));
      same.push(Buffer.compare(sealed, unchanged.seal(frameOf(i))) === 0);
      expect(Buffer.compare(to.open(sealed), frameOf(i))).toBe(0);
    }
    expect(same).toEqual([true, true, true, false, false, false, false, false]);
  });

  const changed = (sealed: Uint8Array, at: number): Uint8Array => {
    const copy = Uint8Array.from(sealed);
    copy[at]! ^= 1;
    return copy;
  };
  const [first, second] = [0, 1].map((n) => {
    const from = sealer();
    for (let i = 0; i < n; i += 1) from.seal(frameOf(0));
    return from.seal(frameOf(n));
  }) as [Uint8Array, Uint8Array];
  const bad: [string, Uint8Array, string][] = [
    ['again', first, 'FRAME_REPLAYED'],
    ['before another', sealerAt(3), 'FRAME_MISSING'],
    ['with a bit flipped', changed(second, 20), 'FRAME_FORGED'],
    ['with a bit of the tag flipped', changed(second, second.length - 1), 'FRAME_FORGED'],
    ['with an end missing', second.subarray(0, second.length - 1), 'FRAME_TRUNCATED'],
    ['with all but the header missing', second.subarray(0, 12), 'FRAME_TRUNCATED'],
    ['with nothing in it', new Uint8Array(), 'FRAME_TRUNCATED'],
    ['with something behind it', Uint8Array.from([...second, 0]), 'FRAME_MALFORMED'],
    ['cut to what its header says', cutWithHeader(second), 'FRAME_FORGED'],
    ['of another key, which is another link, side or way', sealerAt(1, 2), 'FRAME_FORGED'],
    ['that is not sealed', frameOf(0x01, 64), 'FRAME_TRUNCATED'],
  ];
  it.each(bad)('a frame that comes %s is refused', (_, message, code) => {
    const to = opener();
    to.open(Uint8Array.from(first));
    expect(() => to.open(Uint8Array.from(message))).toThrow(expect.objectContaining({ code }));
  });

  it('any change of any frame is refused', () => {
    const change = fc.tuple(fc.nat(second.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(3), (changes, cut) => {
        const message = Uint8Array.from(second);
        for (const [at, bits] of changes) message[at]! ^= bits;
        fc.pre(cut > 0 || Buffer.compare(message, second) !== 0);
        const to = opener();
        to.open(Uint8Array.from(first));
        expect(() => to.open(message.subarray(0, message.length - cut))).toThrow(/frame/);
      }),
      { numRuns: 1000, seed: 11 },
    );
  });
});

/** The n-th frame of some key. */
function sealerAt(n: number, byte = 1): Uint8Array {
  const from = sealer(byte);
  for (let i = 0; i < n; i += 1) from.seal(frameOf(0));
  return from.seal(frameOf(n));
}

function cutWithHeader(sealed: Uint8Array): Uint8Array {
  const cut = Uint8Array.from(sealed.subarray(0, sealed.length - 4));
  new DataView(cut.buffer).setUint32(0, cut.length - 12, true);
  return cut;
}

describe('a sealed link', () => {
  function pair() {
    const [a, b] = memoryLinkPair();
    const cipher = (byte: number) => new CipherState(nodeCryptography, keyOf(byte));
    const sealed = [
      sealedLink(a, { sending: cipher(1), receiving: cipher(2) }),
      sealedLink(b, { sending: cipher(2), receiving: cipher(1) }),
    ] as const;
    const heard: number[][] = [[], []];
    const closes: string[] = [];
    sealed.forEach((link: Link, i) => {
      link.onFrame = (frame) => heard[i]!.push(frame[0]!);
      link.onClose = (code, reason) => closes.push(`${i} ${code} ${reason}`);
    });
    return { inner: [a, b] as const, sealed, heard, closes };
  }

  it('carries frames both ways, and its end', async () => {
    const { sealed, heard, closes } = pair();
    for (const n of [1, 2]) sealed[0].send(frameOf(n));
    sealed[1].send(frameOf(3));
    await settle();
    sealed[0].close(1000, 'done');
    await settle();
    expect(heard).toEqual([[3], [1, 2]]);
    expect(closes.sort()).toEqual(['0 1000 done', '1 1000 done']);
  });

  it.each([
    ['is sent back to who sent it', 4421, (own: Uint8Array) => own],
    ['is noise', 4422, () => new Uint8Array(5)],
  ])('ends at once, under the code of what is wrong, when a frame %s', async (_, code, frame) => {
    const { inner, sealed, heard, closes } = pair();
    sealed[0].send(frameOf(1));
    await settle();
    inner[1].send(frame(inner[0].sent[0]!));
    inner[1].send(frame(inner[0].sent[0]!));
    sealed[1].send(frameOf(9));
    await settle();
    expect(heard[0]).toEqual([]);
    expect(closes[0]).toMatch(new RegExp(`^0 ${code} .*\\(FRAME_`));
    expect(closes).toHaveLength(2);
  });
});
