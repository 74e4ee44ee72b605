import { X509Certificate } from 'node:crypto';
import type { Certificate } from '../http/connections.ts';
import { addressBytes } from '../ip-address.ts';
import { newAuthority, newLeaf, permits } from './authority.ts';
import type { TlsState, TlsStore } from './tls-file.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** What is left of a certificate when it is replaced. */
const leafReserveMs = 30 * dayMs;
const authorityReserveMs = 120 * dayMs;

export interface LanCertificateOptions {
  readonly store: TlsStore;
  /** Of this machine. */
  readonly hostname: string;
  /** By which others reach it, as they are now. */
  readonly names: () => readonly string[];
  readonly now?: () => Date;
}

/** The certificate by which others on the network know this coordinator, always one for the names that it has. */
export class LanCertificate {
  readonly #options: LanCertificateOptions;
  #state: TlsState;

  /** @throws HearthError what the store throws */
  constructor(options: LanCertificateOptions) {
    this.#options = options;
    this.#state = options.store.read() ?? this.#begin();
    this.renew();
  }

  /** Of the server, to be shown with TLS. */
  get certificate(): Certificate {
    return this.#state.leaf;
  }

  /** What others are to trust. */
  get authority(): X509Certificate {
    return new X509Certificate(this.#state.authority.cert);
  }

  /** Whether who trusts the authority takes this name or address for this coordinator's. */
  speaksFor(name: string): boolean {
    return this.#state.leaf.names.includes(name);
  }

  /** @returns whether there is another one now. @throws HearthError what the store throws */
  renew(): boolean {
    const { names, now = () => new Date() } = this.#options;
    if (!lasts(this.#state.authority, now(), authorityReserveMs)) this.#state = this.#begin();
    const { authority, ownNames, leaf } = this.#state;
    const permitted = ['localhost', '127.0.0.1', ...names()].filter((name) => permits(ownNames, name));
    const wanted = [...new Set(permitted)].sort();
    const isFresh = leaf.names.join() === wanted.join() && lasts(leaf, now(), leafReserveMs);
    if (isFresh) return false;
    const renewed = newLeaf(authority, subjectOf(this.authority), wanted, now());
    this.#state = { ...this.#state, leaf: { ...renewed, names: wanted } };
    this.#options.store.write(this.#state);
    return true;
  }

  /** With a leaf that is for nothing, and so replaced at once. */
  #begin(): TlsState {
    const { hostname, names, now = () => new Date() } = this.#options;
    // An address of this machine that others could have elsewhere, as some networks give them.
    const own = [hostname, ...names().filter((name) => addressBytes(name) && !permits([], name))];
    const authority = newAuthority(own, now());
    return { authority, ownNames: own, leaf: { ...authority, names: [] } };
  }
}

function lasts({ cert }: Certificate, now: Date, reserveMs: number): boolean {
  return new Date(new X509Certificate(cert).validTo).getTime() - now.getTime() > reserveMs;
}

/** The common name, which is all that the subject has. */
function subjectOf({ subject }: X509Certificate): string {
  return subject.replace(/^CN=/, '');
}
