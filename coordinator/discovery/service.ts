import type { Answer, Packet } from 'dns-packet';
import { keyOf, keyText } from '../../device-agent/node/private-file.ts';
import { printable } from '../../runtime/protocol/error-report.ts';

/** A coordinator as it is told to the network by multicast DNS (RFC 6762, 6763). None of it is proved. */
export interface CoordinatorService {
  /** For people. */
  readonly name: string;
  readonly port: number;
  /** By which a device that is paired with it knows it again, and then has it prove that. */
  readonly publicKey: Uint8Array;
}

export const serviceType = '_hearth._tcp.local';
/** Asks for the services of all types. */
const allTypes = '_services._dns-sd._udp.local';
/** Of an announcement: for so long others remember it. */
const ttlSeconds = 120;

/** What says all of a service: where it is, and what it is. @param ttl 0 takes it back */
export function recordsOf(
  { name, port, publicKey }: CoordinatorService,
  addresses: readonly string[],
  ttl = ttlSeconds,
): Answer[] {
  // Two coordinators of one machine have two ports.
  const instance = `${name}-${port}.${serviceType}`;
  const target = `${name}.local`;
  return [
    { name: allTypes, type: 'PTR', ttl, data: serviceType },
    { name: serviceType, type: 'PTR', ttl, data: instance },
    { name: instance, type: 'SRV', ttl, data: { port, target, priority: 0, weight: 0 } },
    { name: instance, type: 'TXT', ttl, data: [`name=${name}`, `key=${keyText(publicKey)}`] },
    ...addresses.map((data): Answer => ({ name: target, type: 'A', ttl, data })),
  ];
}

/** Whether somebody asks for one of these records. */
export function asksFor({ questions = [] }: Packet, records: readonly Answer[]): boolean {
  return questions.some(({ name, type }) =>
    records.some(
      (record) => record.name.toLowerCase() === name.toLowerCase() && [record.type, 'ANY'].includes(type),
    ),
  );
}

/** The services that an answer tells of; what is no such thing is passed over. */
export function servicesIn({ answers = [], additionals = [] }: Packet): CoordinatorService[] {
  const records = [...answers, ...additionals].filter(({ name }) => name.endsWith(`.${serviceType}`));
  return records.flatMap((record) => {
    if (record.type !== 'SRV') return [];
    const text = records.find(({ type, name }) => type === 'TXT' && name === record.name);
    const service = text?.type === 'TXT' ? read(record.data.port, text.data) : undefined;
    return service && (record.ttl ?? 0) > 0 ? [service] : [];
  });
}

function read(port: number, data: unknown): CoordinatorService | undefined {
  const pieces = Array.isArray(data) ? data : [data];
  const fields = new Map(pieces.map((piece): [string, string] => keyAndValue(String(piece))));
  try {
    const name = printable(fields.get('name') ?? '').slice(0, 63);
    return port > 0 ? { name, port, publicKey: keyOf(fields.get('key')) } : undefined;
  } catch {
    return undefined;
  }
}

function keyAndValue(text: string): [key: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
