import type { Tokenizer } from './tokenizer.ts';

export interface DecodeOptions {
  /** Show control tokens by their names; hidden otherwise. */
  readonly special?: boolean;
  /** The ids go on from a text, so that a space at their start is a real one. Only SentencePiece cares. */
  readonly continues?: boolean;
}

const SPACE = 0x20;

/**
 * Turns tokens into text as they come. A character whose bytes are spread over several tokens is held back until
 * it is complete; bytes that are no UTF-8 become U+FFFD as in `TextDecoder`. All that `push` and `flush` return,
 * put together, is what `Tokenizer.decode` gives for the same ids.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #special: boolean;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #dropsSpace: boolean;

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#special = options.special ?? false;
    this.#dropsSpace = tokenizer.addSpacePrefix && !options.continues;
  }

  /**
   * The text that this token completes, often empty.
   *
   * @throws HearthError REQUEST_INVALID if there is no such token
   */
  push(id: number): string {
    let bytes = this.#tokenizer.tokenBytes(id);
    if (!this.#special && this.#tokenizer.isControl(id)) return '';
    if (this.#dropsSpace && bytes.length > 0) {
      this.#dropsSpace = false;
      if (bytes[0] === SPACE) bytes = bytes.subarray(1);
    }
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** The end: a character left incomplete becomes U+FFFD. The stream must not be used afterwards. */
  flush(): string {
    return this.#decoder.decode();
  }
}
