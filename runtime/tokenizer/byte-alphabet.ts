/**
 * GPT-2's alphabet of 256 characters, one for each byte, so that a vocabulary of byte strings can be written as
 * text: printable Latin-1 characters stand for themselves, and the other 68 bytes for U+0100 onwards in order.
 *
 * Source: `bytes_to_unicode` in openai/gpt-2, src/encoder.py.
 */
const characters: readonly string[] = buildAlphabet();
const bytes: ReadonlyMap<string, number> = new Map(characters.map((character, byte) => [character, byte]));

function buildAlphabet(): string[] {
  let nextSubstitute = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : nextSubstitute++);
  });
}

export function characterOfByte(byte: number): string {
  return characters[byte]!;
}

export function byteOfCharacter(character: string): number | undefined {
  return bytes.get(character);
}
