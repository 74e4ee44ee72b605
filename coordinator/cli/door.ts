import { isIP, isIPv4 } from 'node:net';
import type { Logger } from '../../device-agent/logger.ts';
import { AgentServer } from '../cluster/agent-server.ts';
import type { Member } from '../cluster/member.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { Announcement } from '../discovery/announce.ts';
import type { Engine } from '../engine.ts';
import { hostnameOf, isLoopback } from '../host-guard.ts';
import { clusterRoutes } from '../http/cluster-routes.ts';
import { clusterStateRoutes, deviceRoutes } from '../http/cluster-state-routes.ts';
import type { ServedModel } from '../http/served-model.ts';
import { type HttpServer, startHttpServer } from '../http/server.ts';
import { Pairing } from '../pairing/pairing.ts';
import { pairingFile } from '../pairing/pairing-file.ts';
import { type PairingDoor, pairingRoutes } from '../pairing/routes.ts';
import { LanCertificate } from '../tls/lan-certificate.ts';
import { tlsFile } from '../tls/tls-file.ts';
import { type TrustView, trustRoutes } from '../tls/trust-routes.ts';
import { type DoorKeys, doorKeys } from './door-keys.ts';
import type { DoorOptions } from './door-options.ts';
import { localAddresses, localName, localNames } from './local-addresses.ts';

/** What is behind the door. */
export interface DoorHouse {
  /** None before it has started: until then no device is let in. */
  readonly engine: () => Engine | undefined;
  readonly models: () => readonly ServedModel[];
  readonly conversations?: Conversations;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

/** Who listens on these listens on every address. */
const anyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** How often it is seen whether this machine has other addresses now. */
const renewalIntervalMs = 60_000;

/** What a door is made of. */
interface DoorParts extends DoorKeys {
  /** Address or name that it listens on. */
  readonly host: string;
  readonly isLocal: boolean;
  readonly http: HttpServer;
  readonly pairing: Pairing;
  readonly agents: AgentServer;
  readonly logger: Logger;
  /** None where only this machine comes in. */
  readonly lanCertificate: LanCertificate | undefined;
  readonly announces: boolean;
}

/** One port for pages, the API and the links of devices. */
export class Door {
  readonly #parts: DoorParts;
  #renewal: NodeJS.Timeout | undefined;
  #announcement: Announcement | undefined;

  private constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** @throws HearthError USAGE, LISTEN_FAILED, FILE_READ_FAILED, FILE_WRITE_FAILED */
  static async open(given: DoorOptions, house: DoorHouse): Promise<Door> {
    const options = given.lan ? { ...given, host: '0.0.0.0' } : given;
    const { engine, models, conversations, logger, onError } = house;
    const isLocal = isLoopback(hostnameOf(options.host) ?? '');
    const hostNames = isLocal ? [] : namesOf(options.host);
    const pairing = new Pairing(pairingFile(), options.secret);
    const onMember = (member: Member): void => void engine()?.join(member);
    const agents = new AgentServer({ pairing, onMember, hostNames, logger });
    const lanCertificate = isLocal ? undefined : ownCertificate();
    const keys = doorKeys(options, isLocal);
    let door: Door | undefined;
    const http = await startHttpServer({
      models,
      ...(conversations && { conversations }),
      hostname: options.host,
      port: options.port,
      allowedHosts: hostNames,
      onError,
      routes: {
        ...(lanCertificate && { open: trustRoutes(() => door!.#trustView(lanCertificate)) }),
        chat: { ...clusterRoutes(engine), ...clusterStateRoutes(engine, { onError }) },
        admin: {
          ...pairingRoutes(() => (engine() && door ? door.#pairingDoor() : undefined)),
          ...deviceRoutes(engine),
        },
      },
      ...(keys.keys && { keys: keys.keys }),
      ...(lanCertificate && { certificate: lanCertificate.certificate }),
      plainHttp: options.plainHttp ?? false,
    });
    door = new Door({
      host: options.host,
      announces: options.lan ?? false,
      isLocal,
      http,
      pairing,
      agents,
      logger,
      lanCertificate,
      ...keys,
    });
    door.#keepCertificate();
    return door;
  }

  /** From now on devices may come in, and with `--lan` find the way. */
  letDevicesIn(): void {
    const { agents, http, pairing, announces, logger } = this.#parts;
    agents.attach(http.server);
    if (!announces) return;
    const service = { name: localName(), port: http.port, publicKey: pairing.identity.publicKey };
    const addresses = (): string[] => localAddresses().filter((address) => isIPv4(address));
    this.#announcement = new Announcement({ service, addresses, logger });
  }

  /** Whether only programs of this machine can come in. */
  get isLocal(): boolean {
    return this.#parts.isLocal;
  }

  /** A key of the API that was made for this start; none where another is known. */
  get newKey(): string | undefined {
    return this.#parts.newKey;
  }

  /** Where the API is, for those who may come in. */
  get apiUrl(): string {
    return `${this.#secureOrigin}/v1`;
  }

  /** What a browser opens to chat. What stands behind the # is sent to nobody as it is. */
  get chatUrl(): string {
    const { keys } = this.#parts;
    return `${this.#secureOrigin}/chat/${keys ? `#key=${keys.invitation}` : ''}`;
  }

  /** What a device joins by. It needs no TLS: its link is sealed. */
  get joinUrl(): string {
    return `http://${this.#authority}/join#${this.#parts.pairing.secret}`;
  }

  /** Where others learn how to trust this coordinator, and what they compare. */
  get trust(): { readonly url: string; readonly fingerprint: string } | undefined {
    const { lanCertificate } = this.#parts;
    if (!lanCertificate) return undefined;
    return { url: `http://${this.#authority}/trust`, fingerprint: lanCertificate.authority.fingerprint256 };
  }

  /** The line that another device joins with, for people. */
  sayHowToJoin(): string {
    const line = `npx hearth join "${this.joinUrl}"\n`;
    return this.isLocal ? `${line}          (from this machine only; --lan lets others in)\n` : line;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#announcement?.close();
    this.#parts.agents.close();
    await this.#parts.http.close();
  }

  /** Address and port by which those who may come in reach it. */
  get #authority(): string {
    const { host, lanCertificate } = this.#parts;
    const all = localAddresses();
    const known = all.find((own) => lanCertificate?.speaksFor(own)) ?? all[0] ?? localName();
    const address = anyAddress.has(host) ? known : host;
    return `${address.includes(':') ? `[${address}]` : address}:${this.#parts.http.port}`;
  }

  get #secureOrigin(): string {
    return `${this.isLocal ? 'http' : 'https'}://${this.#authority}`;
  }

  #trustView({ authority }: LanCertificate): TrustView {
    return { authority, host: this.#authority };
  }

  #pairingDoor(): PairingDoor {
    const { pairing, agents } = this.#parts;
    return {
      pairing,
      joinUrl: () => this.joinUrl,
      chatUrl: () => this.chatUrl,
      revoke: (name) => agents.revoke(name),
    };
  }

  #keepCertificate(): void {
    const { lanCertificate, http, logger } = this.#parts;
    if (!lanCertificate) return;
    this.#renewal = setInterval(() => {
      try {
        if (lanCertificate.renew()) http.setCertificate(lanCertificate.certificate);
      } catch (error) {
        logger.warn({ error }, 'the certificate could not be renewed');
      }
    }, renewalIntervalMs);
  }
}

/** By which pages may call this machine; an address that others use is looked at by itself. */
function namesOf(host: string): string[] {
  return isIP(host) ? localNames() : [...localNames(), host];
}

function ownCertificate(): LanCertificate {
  const names = (): string[] => [...localAddresses(), ...localNames()];
  return new LanCertificate({ store: tlsFile(), hostname: localName(), names });
}
