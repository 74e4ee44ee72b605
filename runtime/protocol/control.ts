import { keyBytes, tagBytes } from '../secure/cryptography.ts';
import { tileHashBytes } from '../tile/tile-hash.ts';
import { readAssignment, readDescription, readRankOptions } from './configuration.ts';
import { readReport } from './error-report.ts';
import { Fields } from './fields.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';
import { checkVersion, nonceBytes, sessionBytes } from './handshake.ts';
import { readMeasure, readRates } from './measures.ts';
import {
  type Capabilities,
  type Configure,
  type ControlMessage,
  type ControlType,
  controlNumbers,
  type Join,
  type Memory,
  type Prepare,
  type StandBy,
  type TileSetup,
} from './messages.ts';
import { packPlain, unpackPlain } from './msgpack.ts';
import { burstPieceBytes, maxBurstBytes } from './probe-messages.ts';

const uint32Max = 2 ** 32 - 1;
/** More tiles than any model has; the exact bound is the assignment's. */
const maxTileId = 1 << 17;
const maxVersionLength = 64;
const maxNameLength = 64;
const maxReasonLength = 100;
/** Two keys and their tags. */
const maxHandshakeBytes = 2 * (keyBytes + tagBytes);

const typesByNumber: ReadonlyMap<number, ControlType> = new Map(
  (Object.keys(controlNumbers) as ControlType[]).map((type) => [controlNumbers[type], type]),
);

/** A control frame: the message's number in the header, its fields as one MessagePack map. */
export function encodeControl(message: ControlMessage): Uint8Array {
  const { type, ...fields } = message;
  return encodeFrame(
    { type: 'control', flags: 0, index: controlNumbers[type], id: 0, rows: 0 },
    packPlain(fields),
  );
}

/**
 * Reads a control frame's message, every field checked.
 * @throws HearthError FRAME_MALFORMED; PROTOCOL_VERSION_MISMATCH for a hello, pair, rejoin or join of another version
 */
export function decodeControl(frame: Frame): ControlMessage {
  const type = typesByNumber.get(frame.index);
  if (!type) throw malformed(`control message ${frame.index} is unknown`);
  const fields = new Fields(unpackPlain(frame.payload), type);
  const message = readers[type](fields);
  fields.done();
  return message;
}

type Readers = { readonly [T in ControlType]: (fields: Fields) => Extract<ControlMessage, { type: T }> };

const readers: Readers = {
  hello: (fields) => ({
    type: 'hello',
    ...readVersions(fields, 'coordinator'),
    publicKey: fields.bytes('publicKey', keyBytes),
    nonce: fields.bytes('nonce', nonceBytes),
  }),
  pair: (fields) => ({ type: 'pair', ...readVersions(fields, 'device'), ...readHandshake(fields) }),
  rejoin: (fields) => ({ type: 'rejoin', ...readVersions(fields, 'device'), ...readHandshake(fields) }),
  attach: (fields) => ({
    type: 'attach',
    session: fields.bytes('session', sessionBytes),
    ...readHandshake(fields),
  }),
  answer: (fields) => ({ type: 'answer', ...readHandshake(fields) }),
  confirm: (fields) => ({ type: 'confirm', ...readHandshake(fields) }),
  join: readJoin,
  welcome: (fields) => ({
    type: 'welcome',
    session: fields.bytes('session', sessionBytes),
    tileKey: fields.bytes('tileKey', keyBytes),
  }),
  refused: (fields) => ({ type: 'refused', ...readReport(fields) }),
  configure: readConfigure,
  prepare: (fields): Prepare => ({ type: 'prepare', ...readTileSetup(fields) }),
  declined: (fields) => ({
    type: 'declined',
    configurationId: fields.integer('configurationId', 0, uint32Max),
    ...readReport(fields),
  }),
  wanted: (fields) => ({
    type: 'wanted',
    configurationId: fields.integer('configurationId', 0, uint32Max),
    tileIds: fields.ascendingIntegers('tileIds', maxTileId, maxTileId),
  }),
  loaded: (fields) => ({
    type: 'loaded',
    configurationId: fields.integer('configurationId', 0, uint32Max),
    tileId: fields.integer('tileId', 0, maxTileId),
    tileHash: fields.bytes('tileHash', tileHashBytes),
  }),
  ready: (fields) => ({ type: 'ready', configurationId: fields.integer('configurationId', 0, uint32Max) }),
  memory: readMemory,
  standBy: readStandBy,
  release: (fields) => ({ type: 'release', slot: fields.integer('slot', 0, uint32Max) }),
  stepFailed: (fields) => ({
    type: 'stepFailed',
    stepId: fields.integer('stepId', 0, uint32Max),
    ...readReport(fields),
  }),
  error: (fields) => ({ type: 'error', ...readReport(fields) }),
  ping: (fields) => ({ type: 'ping', id: fields.integer('id', 0, uint32Max) }),
  pong: (fields) => ({ type: 'pong', id: fields.integer('id', 0, uint32Max) }),
  measure: readMeasure,
  measured: (fields) => ({ type: 'measured', ...readRates(fields) }),
  burst: (fields) => ({
    type: 'burst',
    id: fields.integer('id', 0, uint32Max),
    bytes: fields.bytesUpTo('bytes', burstPieceBytes),
  }),
  burstWanted: (fields) => ({
    type: 'burstWanted',
    id: fields.integer('id', 0, uint32Max),
    byteLength: fields.integer('byteLength', 1, maxBurstBytes),
  }),
};

/** Read first: of a peer of another version nothing else is read, so that the refusal can name both. */
function readVersions(fields: Fields, peer: string): { protocolVersion: number; softwareVersion: string } {
  const version = fields.integer('protocolVersion', 0, uint32Max);
  const softwareVersion = fields.string('softwareVersion', maxVersionLength);
  if (!/^[\w.+-]{1,64}$/.test(softwareVersion)) throw malformed(`the ${peer}'s software version is not one`);
  checkVersion(peer, version, softwareVersion);
  return { protocolVersion: version, softwareVersion };
}

function readHandshake(fields: Fields): { handshake: Uint8Array } {
  return { handshake: Uint8Array.from(fields.bytesUpTo('handshake', maxHandshakeBytes)) };
}

function readJoin(fields: Fields): Join {
  const versions = readVersions(fields, 'device');
  const name = fields.string('name', maxNameLength);
  if (!isPrintable(name)) throw malformed('the name of a device is not printable');
  return {
    type: 'join',
    ...versions,
    name,
    capabilities: readCapabilities(fields.map('capabilities')),
  };
}

/** Names and reasons are shown on terminals and pages: no control, format or private characters, no blank ends. */
function isPrintable(text: string): boolean {
  return /^[^\p{C}]+$/u.test(text) && text === text.trim();
}

function readStandBy(fields: Fields): StandBy {
  const reason = fields.string('reason', maxReasonLength);
  if (reason !== '' && !isPrintable(reason)) throw malformed('the reason to stand by is not printable');
  return { type: 'standBy', reason };
}

function readCapabilities(fields: Fields): Capabilities {
  const platform = fields.string('platform', 64);
  if (!/^[\x20-\x7e]*$/.test(platform)) throw malformed('the platform of a device is not printable');
  const capabilities: Capabilities = {
    platform,
    kernels: fields.oneOf('kernels', ['relaxed', 'baseline']),
    threads: fields.integer('threads', 1, 1024),
    memoryBytes: fields.integer('memoryBytes', 0, Number.MAX_SAFE_INTEGER),
  };
  fields.done();
  return capabilities;
}

function readMemory(fields: Fields): Memory {
  const count = (key: string) => fields.integer(key, 0, Number.MAX_SAFE_INTEGER);
  const milliseconds = (key: string) => fields.number(key, 0, Number.MAX_SAFE_INTEGER);
  return {
    type: 'memory',
    configurationId: fields.integer('configurationId', 0, uint32Max),
    budgetBytes: count('budgetBytes'),
    residentBytes: count('residentBytes'),
    windowBytes: count('windowBytes'),
    coldBytes: count('coldBytes'),
    otherBytes: count('otherBytes'),
    keptTiles: count('keptTiles'),
    gpuTiles: count('gpuTiles'),
    steps: count('steps'),
    streamedBytes: count('streamedBytes'),
    records: count('records'),
    recordBytes: count('recordBytes'),
    readMs: milliseconds('readMs'),
    waitMs: milliseconds('waitMs'),
  };
}

function readTileSetup(fields: Fields): TileSetup {
  const description = readDescription(fields.map('description'));
  const assignment = readAssignment(fields.map('assignment'), description);
  return {
    configurationId: fields.integer('configurationId', 0, uint32Max),
    description,
    assignment,
    tileHashes: fields.bytes('tileHashes', assignment.tileIds.length * tileHashBytes),
  };
}

function readConfigure(fields: Fields): Configure {
  return {
    type: 'configure',
    ...readTileSetup(fields),
    options: readRankOptions(fields.map('options')),
    profile: fields.boolean('profile'),
    copiesKv: fields.boolean('copiesKv'),
  };
}
