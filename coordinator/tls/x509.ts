import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  type Der,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  trueValue,
  utf8String,
} from './der.ts';

/** One extension of a certificate (RFC 5280, 4.2). */
export interface Extension {
  readonly id: string;
  readonly isCritical?: boolean;
  readonly value: Der;
}

export interface CertificateFields {
  /** What people see it called. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  /** Who signs it: for an authority's own, itself. */
  readonly issuer: string;
  readonly issuerPublicKey: KeyObject;
  readonly issuerPrivateKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Extension[];
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

/** An X.509 certificate of version 3 (RFC 5280, 4.1), signed by an ECDSA key. @returns it as PEM */
export function signCertificate(fields: CertificateFields): string {
  const { subject, publicKey, issuer, issuerPublicKey, issuerPrivateKey, notBefore, notAfter } = fields;
  const extensions = [
    ...fields.extensions,
    { id: '2.5.29.14', value: octetString(keyIdentifier(publicKey)) },
    { id: '2.5.29.35', value: sequence(implicit(0, keyIdentifier(issuerPublicKey))) },
  ];
  const content = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serialNumber()),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time(notBefore), time(notAfter)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions.map(extensionOf))),
  );
  const signature = sign('sha256', content, issuerPrivateKey);
  const certificate = sequence(content, ecdsaWithSha256, bitString(signature));
  const lines = certificate.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

/** 127 random bits. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0]! &= 0x7f;
  return bytes;
}

/** A name of one part, the common name. */
function nameOf(text: string): Der {
  return sequence(setOf(sequence(objectIdentifier('2.5.4.3'), utf8String(text))));
}

/** RFC 7093, 2: a hash of the public key. */
function keyIdentifier(key: KeyObject): Buffer {
  const info = key.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(info).digest().subarray(0, 20);
}

function extensionOf({ id, isCritical = false, value }: Extension): Der {
  return sequence(objectIdentifier(id), ...(isCritical ? [trueValue] : []), octetString(value));
}
