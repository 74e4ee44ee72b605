import dnsPacket from 'dns-packet';
import { asksFor, recordsOf, servicesIn } from '../../../coordinator/discovery/service.ts';
import { isPublicAddress } from '../../../coordinator/pull/address.ts';
import { chooseFile } from '../../../coordinator/pull/choose-file.ts';
import { checkRange, checkWhole } from '../../../coordinator/pull/range-answer.ts';
import { redirectTarget } from '../../../coordinator/pull/redirects.ts';
import { parseReference } from '../../../coordinator/pull/reference.ts';
import { Transient } from '../../../coordinator/pull/retry.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { textMutator } from '../mutate-text.ts';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';

/** Packets of multicast DNS, as anybody on the network sends them. */
export function mdnsTarget(): Target {
  const service = { name: 'den', port: 11500, publicKey: new Uint8Array(32).fill(9) };
  const records = recordsOf(service, ['192.168.1.20', '192.168.1.21']);
  const question = { name: '_hearth._tcp.local', type: 'PTR' as const };
  return {
    seeds: [
      dnsPacket.encode({ type: 'response', answers: records }),
      dnsPacket.encode({ type: 'response', answers: records.slice(0, 2), additionals: records.slice(2) }),
      dnsPacket.encode({ type: 'query', questions: [question, { ...question, name: 'x.local' }] }),
    ],
    mutate: mutateBytes,
    read: (input) => {
      let packet: dnsPacket.Packet;
      try {
        packet = dnsPacket.decode(Buffer.from(input));
      } catch {
        // The socket says so, and passes the packet over.
        return 'no packet';
      }
      return `${servicesIn(packet).length} services, asked ${asksFor(packet, records)}`;
    },
  };
}

const trusted = new URL('https://huggingface.co/a/b');

/** What a user names, and what servers say of it: a line each, the first one says of what. */
export function pullTarget(): Target {
  const readers: Readonly<Record<string, (lines: readonly string[]) => unknown>> = {
    reference: ([text = '']) => parseReference(text, new URL(trusted.origin)),
    redirect: ([location = '']) => redirectTarget(trusted, location, trusted.origin, isPublicAddress),
    address: ([address = '']) => isPublicAddress(address),
    range: ([range, length, etag, status = '206']) =>
      checkRange({ status: Number(status), headers: headersOf(range, length, etag), url: trusted }, 0, 100),
    whole: ([range, length, etag, status = '200']) =>
      checkWhole({ status: Number(status), headers: headersOf(range, length, etag), url: trusted }),
    choose: ([quant = '', ...paths]) =>
      chooseFile(
        'a/b',
        paths.map((path) => ({ path, bytes: 5 })),
        quant === '' ? {} : { quant },
      ),
  };
  return {
    seeds: [
      'reference\nhf:user/repo:Q4_K_M',
      'reference\nhf:user/repo/folder/model-00001-of-00003.gguf',
      'reference\nhttps://huggingface.co/user/repo/blob/main/model.gguf',
      'redirect\nhttps://cdn.example.org/file?sig=1',
      'redirect\nhttp://[::ffff:10.0.0.1]:80/x',
      'address\nfe80::1%eth0',
      'address\n100.64.0.1',
      'range\nbytes 0-99/1000\n100\n"tag"\n206',
      'whole\n\n1000\n"tag"\n200',
      'choose\nq4_0\nmodel-Q4_0.gguf\nmodel-Q8_0-00001-of-00002.gguf\nmodel-Q8_0-00002-of-00002.gguf\nmmproj-Q4_0.gguf',
    ].map(bytesOfText),
    mutate: textMutator([
      'hf:',
      'https://',
      '127.0.0.1',
      '[::1]',
      ':',
      '@',
      '-00001-of-00002',
      '.gguf',
      'bytes ',
      '\n',
      '%2e',
      '?',
    ]),
    read: (input) => {
      const [kind = '', ...lines] = textOfBytes(input).split('\n');
      const reader = Object.hasOwn(readers, kind) ? readers[kind]! : readers.reference!;
      try {
        reader(lines);
      } catch (error) {
        if (error instanceof Transient) return `${kind}: again`;
        throw error;
      }
      return `${kind}: read`;
    },
  };
}

function headersOf(range = '', length = '', etag = ''): Record<string, string> {
  return { 'content-range': range, 'content-length': length, etag };
}
