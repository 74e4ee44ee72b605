import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Certificate } from '../http/connections.ts';
import { addressBytes } from '../ip-address.ts';
import {
  bitString,
  type Der,
  implicit,
  integer,
  objectIdentifier,
  sequence,
  tagged,
  trueValue,
} from './der.ts';
import { type Extension, signCertificate } from './x509.ts';

type Network = readonly [address: string, bits: number];

/** What a browser that trusts an authority takes from it: names at home, and addresses that no one has on the internet. */
const permittedNames = ['localhost', 'local'];
const permittedNetworks: readonly Network[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['fc00::', 7],
  ['fe80::', 10],
  ['::1', 128],
];

const dayMs = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
/** Apple takes no more than 397. */
const leafDays = 90;
/** For clocks that are not quite right. */
const backdatedMs = dayMs;

/**
 * A new certificate authority of one coordinator.
 * @param ownNames names and addresses of this machine that it may speak for too; the first is what people know it by
 */
export function newAuthority(ownNames: readonly string[], now: Date): Certificate {
  const { privateKey, publicKey } = newKeys();
  // Only of letters that nobody writes otherwise: the leaf must name its issuer in the same bytes.
  const host = ownNames[0]!.replaceAll(/[^\w.-]/g, '-').slice(0, 32);
  const subject = `Hearth on ${host} since ${now.toISOString().slice(0, 10)}`;
  const constraints = nameConstraints([...permittedNames, ...ownNames]);
  const cert = signCertificate({
    subject,
    publicKey,
    issuer: subject,
    issuerPublicKey: publicKey,
    issuerPrivateKey: privateKey,
    ...validity(now, authorityDays),
    extensions: [
      // An authority, but of no other authorities.
      { id: '2.5.29.19', isCritical: true, value: sequence(trueValue, integer(Buffer.of(0))) },
      // It signs certificates: bit 5.
      { id: '2.5.29.15', isCritical: true, value: bitString(Buffer.of(0x04), 2) },
      serverUse,
      constraints,
    ],
  });
  return { key: pemOf(privateKey), cert };
}

/**
 * A certificate for a server of these names and addresses, those alone that the authority may speak for.
 * @param issuer the authority's subject
 */
export function newLeaf(
  authority: Certificate,
  issuer: string,
  names: readonly string[],
  now: Date,
): Certificate {
  const { privateKey, publicKey } = newKeys();
  const issuerPrivateKey = createPrivateKey(authority.key);
  const cert = signCertificate({
    subject: 'Hearth',
    publicKey,
    issuer,
    issuerPublicKey: createPublicKey(issuerPrivateKey),
    issuerPrivateKey,
    ...validity(now, leafDays),
    extensions: [
      { id: '2.5.29.19', isCritical: true, value: sequence() },
      // It signs handshakes: bit 0.
      { id: '2.5.29.15', isCritical: true, value: bitString(Buffer.of(0x80), 7) },
      serverUse,
      { id: '2.5.29.17', value: sequence(...names.map(generalName)) },
    ],
  });
  return { key: pemOf(privateKey), cert };
}

/** Whether an authority that was made for a machine of these names may speak for a name or an address. */
export function permits(ownNames: readonly string[], name: string): boolean {
  const address = addressBytes(name);
  if (ownNames.includes(name)) return true;
  if (!address)
    return [...permittedNames, ...ownNames].some((own) => name === own || name.endsWith(`.${own}`));
  return permittedNetworks.some(([network, bits]) => {
    const bytes = addressBytes(network)!;
    const mask = maskOf(bits, bytes.length);
    return bytes.length === address.length && address.every((byte, i) => (byte & mask[i]!) === bytes[i]!);
  });
}

/** TLS servers, and nothing else. */
const serverUse: Extension = { id: '2.5.29.37', value: sequence(objectIdentifier('1.3.6.1.5.5.7.3.1')) };

/** RFC 5280, 4.2.1.10 */
function nameConstraints(names: readonly string[]): Extension {
  const single = names.flatMap((name): Network[] => {
    const address = addressBytes(name);
    return address ? [[name, address.length * 8]] : [];
  });
  const networks = [...permittedNetworks, ...single].map(([network, bits]) => {
    const bytes = addressBytes(network)!;
    return implicit(7, Buffer.concat([bytes, maskOf(bits, bytes.length)]));
  });
  const domains = names.filter((name) => !addressBytes(name)).map(generalName);
  const subtrees = [...domains, ...networks].map((base) => sequence(base));
  return { id: '2.5.29.30', isCritical: true, value: sequence(tagged(0xa0, ...subtrees)) };
}

function generalName(name: string): Der {
  const address = addressBytes(name);
  return address ? implicit(7, address) : implicit(2, Buffer.from(name));
}

function maskOf(bits: number, length: number): Buffer {
  const byteAt = (i: number): number => (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))) & 0xff;
  return Buffer.from(Array.from({ length }, (_, i) => byteAt(i)));
}

function newKeys(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemOf(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - backdatedMs),
    notAfter: new Date(now.getTime() + days * dayMs),
  };
}
