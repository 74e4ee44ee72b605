/** As much of ASN.1's distinguished encoding (X.690) as certificates take: each value is a tag, a length, and its content. */
export type Der = Buffer;

/** @param tag of one byte: class, form and number */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Der {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(body), body]);
}

/** Up to 127 in one byte; else how many bytes it takes, and these. */
function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = unsignedBytes(length);
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

function unsignedBytes(value: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

export const sequence = (...content: readonly Uint8Array[]): Der => tagged(0x30, ...content);
export const setOf = (...content: readonly Uint8Array[]): Der => tagged(0x31, ...content);
export const octetString = (content: Uint8Array): Der => tagged(0x04, content);
export const utf8String = (text: string): Der => tagged(0x0c, Buffer.from(text));
export const trueValue: Der = tagged(0x01, Buffer.of(0xff));

/** @param bytes of a number that is not negative, the highest first */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first < 0 ? Buffer.of(0) : Buffer.from(bytes.subarray(first));
  // A first bit that is set would make it negative.
  return tagged(0x02, short[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short);
}

/** @param unusedBits of the last byte */
export const bitString = (content: Uint8Array, unusedBits = 0): Der =>
  tagged(0x03, Buffer.of(unusedBits), content);

/** A value of its own in a place with a number, inside of a tag of that number. */
export const explicit = (number: number, content: Uint8Array): Der => tagged(0xa0 | number, content);

/** A plain value whose tag is the number of its place. */
export const implicit = (number: number, content: Uint8Array): Der => tagged(0x80 | number, content);

/** `1.2.840…`: the first two in one byte, the others in sevens of bits. */
export function objectIdentifier(dotted: string): Der {
  const [first, second, ...others] = dotted.split('.').map(Number);
  const bytes = others.flatMap((value) => {
    const sevens = [value & 0x7f];
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
      sevens.unshift(0x80 | (rest & 0x7f));
    return sevens;
  });
  return tagged(0x06, Buffer.of(first! * 40 + second!, ...bytes));
}

/** To the second. Until 2049 years have two digits (RFC 5280, 4.1.2.5). */
export function time(date: Date): Der {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  const isShort = date.getUTCFullYear() < 2050;
  return tagged(isShort ? 0x17 : 0x18, Buffer.from(isShort ? digits.slice(2) : digits));
}
