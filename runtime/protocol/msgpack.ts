import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { malformed } from './frame.ts';

/** Nesting of the deepest control message is 4; more is not read. */
const maxDepth = 8;

// Without records and extensions: plain maps, lists, strings, bytes, numbers, booleans and nil.
const packer = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Packs plain data: the subset of MessagePack that `unpackPlain` reads. */
export function packPlain(value: unknown): Uint8Array {
  return packer.pack(value);
}

/**
 * Unpacks plain data from hostile bytes.
 * @throws HearthError FRAME_MALFORMED
 */
export function unpackPlain(bytes: Uint8Array): unknown {
  checkPlain(bytes);
  try {
    return unpacker.unpack(bytes);
  } catch (cause) {
    throw malformed(
      `a control message cannot be unpacked: ${cause instanceof Error ? cause.message : 'error'}`,
    );
  }
}

/** Width in bytes of what follows the tokens 0xca to 0xd3: floats and integers. */
const numberBytes = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/**
 * Walks the bytes before msgpackr sees them, and lets pass one plain value and nothing else. msgpackr decodes
 * extension types (records, regular expressions, errors, shared references) whatever its settings, allocates
 * for lengths before it finds their elements, and recurses as deep as the bytes say; none of it is reached.
 */
function checkPlain(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;

  const take = (width: number): number => {
    if (width > bytes.length - offset) throw malformed('a control message ends in the middle of a value');
    const at = offset;
    offset += width;
    return at;
  };
  /** A big-endian length of 1, 2 or 4 bytes, the n-th of the token's family. */
  const length = (n: number): number => {
    if (n === 0) return view.getUint8(take(1));
    return n === 1 ? view.getUint16(take(2)) : view.getUint32(take(4));
  };
  const items = (count: number, keyed: boolean, depth: number): void => {
    // Every item takes at least a byte, so a count beyond the bytes fails early: the walk is linear in them.
    if (count > bytes.length - offset)
      throw malformed('a control message announces more items than it has bytes');
    for (let i = 0; i < count; i += 1) {
      if (keyed) key();
      value(depth + 1);
    }
  };
  const key = (): void => {
    const token = bytes[take(1)]!;
    if (token >= 0xa0 && token <= 0xbf) take(token - 0xa0);
    else if (token === 0xd9) take(length(0));
    else throw malformed('a control message has a key that is not a short string');
  };
  const value = (depth: number): void => {
    if (depth > maxDepth) throw malformed(`a control message is nested deeper than ${maxDepth}`);
    const token = bytes[take(1)]!;
    if (token <= 0x7f || token >= 0xe0 || token === 0xc0 || token === 0xc2 || token === 0xc3) return;
    if (token <= 0x8f) items(token - 0x80, true, depth);
    else if (token <= 0x9f) items(token - 0x90, false, depth);
    else if (token <= 0xbf) take(token - 0xa0);
    else if (token >= 0xc4 && token <= 0xc6) take(length(token - 0xc4));
    else if (token >= 0xca && token <= 0xd3) take(numberBytes[token - 0xca]!);
    else if (token >= 0xd9 && token <= 0xdb) take(length(token - 0xd9));
    else if (token === 0xdc || token === 0xdd) items(length(token - 0xdb), false, depth);
    else if (token === 0xde || token === 0xdf) items(length(token - 0xdd), true, depth);
    else
      throw malformed(
        `a control message holds MessagePack token 0x${token.toString(16)}, which is not plain data`,
      );
  };

  value(0);
  if (offset !== bytes.length) throw malformed(`${bytes.length - offset} bytes follow a control message`);
}
