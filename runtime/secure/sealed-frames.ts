import { HearthError } from '../error.ts';
import { type CipherState, writeCounter } from './cipher-state.ts';
import { tagBytes } from './cryptography.ts';

/** Before a sealed frame: how many bytes follow (uint32), and its number on its way (uint64), both little-endian. */
const headerBytes = 12;
/** Bytes by which a frame gets longer when it is sealed. */
export const sealedOverhead = headerBytes + tagBytes;

/** Room for many small frames, which is given up when all of them have been sent. */
const slabBytes = 1 << 17;

/** Frames between two keys. No counter comes near its end, and a key that leaks opens nothing from before it. */
export const defaultRekeyFrames = 2 ** 20;

/**
 * Seals the frames of one way of a link, one after another. Header and tag are bound to the frame: what is changed, left
 * out, repeated, brought into another order or taken from another link or way is found out.
 */
export class FrameSealer {
  readonly #cipher: CipherState;
  readonly #rekeyFrames: number;
  #slab = new Uint8Array();
  #usedBytes = 0;

  constructor(cipher: CipherState, rekeyFrames = defaultRekeyFrames) {
    this.#cipher = cipher;
    this.#rekeyFrames = rekeyFrames;
  }

  seal(frame: Uint8Array): Uint8Array {
    const { counter } = this.#cipher;
    if (isDue(counter, this.#rekeyFrames)) this.#cipher.rekey();
    const sealed = this.#room(frame.length + sealedOverhead);
    const header = sealed.subarray(0, headerBytes);
    const view = new DataView(sealed.buffer, sealed.byteOffset);
    view.setUint32(0, frame.length + tagBytes, true);
    writeCounter(view, 4, counter);
    this.#cipher.seal(header, frame, sealed.subarray(headerBytes));
    return sealed;
  }

  /** Of small frames, many lie in one buffer: each buffer of its own is work for the collector. */
  #room(bytes: number): Uint8Array {
    if (bytes > slabBytes / 8) return new Uint8Array(bytes);
    if (this.#usedBytes + bytes > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes);
      this.#usedBytes = 0;
    }
    const room = this.#slab.subarray(this.#usedBytes, this.#usedBytes + bytes);
    this.#usedBytes += bytes;
    return room;
  }
}

/** Opens what the other side's `FrameSealer` has sealed. */
export class FrameOpener {
  readonly #cipher: CipherState;
  readonly #rekeyFrames: number;

  constructor(cipher: CipherState, rekeyFrames = defaultRekeyFrames) {
    this.#cipher = cipher;
    this.#rekeyFrames = rekeyFrames;
  }

  /**
   * Decrypts in place: the frame takes its message's memory. After an error no frame can be opened any more: the link
   * must be closed.
   * @throws HearthError FRAME_TRUNCATED, FRAME_MALFORMED, FRAME_REPLAYED, FRAME_MISSING, FRAME_FORGED
   */
  open(message: Uint8Array): Uint8Array {
    this.#check(message);
    if (isDue(this.#cipher.counter, this.#rekeyFrames)) this.#cipher.rekey();
    const header = message.subarray(0, headerBytes);
    const frame = message.subarray(headerBytes, message.length - tagBytes);
    if (this.#cipher.open(header, message.subarray(headerBytes), frame)) return frame;
    throw new HearthError('FRAME_FORGED', 'a frame was changed on its way, or comes from somebody else');
  }

  /** Nothing rests on these but the name of the error: whatever was changed, the tag tells. */
  #check(message: Uint8Array): void {
    const expectedBytes = sealedOverhead;
    if (message.length < expectedBytes) throw truncated(message.length, expectedBytes);
    const view = new DataView(message.buffer, message.byteOffset, headerBytes);
    const wholeBytes = headerBytes + view.getUint32(0, true);
    if (message.length < wholeBytes) throw truncated(message.length, wholeBytes);
    if (message.length > wholeBytes)
      throw new HearthError('FRAME_MALFORMED', `${message.length - wholeBytes} bytes follow a sealed frame`);
    const expected = this.#cipher.counter;
    // Beyond 2^53 rounded, which is not below what is expected.
    const number = view.getUint32(4, true) + view.getUint32(8, true) * 2 ** 32;
    if (number < expected) throw new HearthError('FRAME_REPLAYED', `frame ${number} of a link came again`);
    if (number > expected)
      throw new HearthError('FRAME_MISSING', `frame ${number} of a link came before frame ${expected}`);
  }
}

function isDue(counter: number, rekeyFrames: number): boolean {
  return counter > 0 && counter % rekeyFrames === 0;
}

function truncated(presentBytes: number, expectedBytes: number): HearthError {
  return new HearthError(
    'FRAME_TRUNCATED',
    `a sealed frame of ${expectedBytes} bytes or more ends after ${presentBytes}`,
    { presentBytes, expectedBytes },
  );
}
