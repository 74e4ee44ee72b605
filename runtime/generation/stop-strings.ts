/** What may be shown, and whether the answer ends with it. */
export interface StopMatch {
  readonly text: string;
  /** The stop string found; never part of any text. */
  readonly stop?: string;
}

/**
 * Cuts a text that comes in pieces at the first stop string to be completed, of two the one that began earlier.
 * Text that may be the beginning of a stop string is held back until that is decided, so how the text is cut into
 * pieces makes no difference to the whole.
 */
export class StopStrings {
  private readonly stops: readonly string[];
  private held = '';

  /** @param stops not empty strings, of whole characters */
  constructor(stops: readonly string[]) {
    this.stops = stops;
  }

  /** Must not be called again once a stop string was found. */
  push(piece: string): StopMatch {
    const text = this.held + piece;
    const found = this.firstCompleted(text);
    if (found) {
      this.held = '';
      return { text: text.slice(0, found.start), stop: found.stop };
    }
    const showable = text.length - this.heldLength(text);
    this.held = text.slice(showable);
    return { text: text.slice(0, showable) };
  }

  /** The text still held back, once no more can come. */
  flush(): string {
    const text = this.held;
    this.held = '';
    return text;
  }

  private firstCompleted(text: string): { start: number; stop: string } | undefined {
    return this.stops
      .map((stop) => ({ start: text.indexOf(stop), stop }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.start + a.stop.length - (b.start + b.stop.length) || a.start - b.start)[0];
  }

  /** Length of the longest end of `text` that some stop string begins with. */
  private heldLength(text: string): number {
    const longest = Math.max(0, ...this.stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length);
      if (this.stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
