import { randomBytes } from 'node:crypto';
import type { Logger } from '../../device-agent/logger.ts';
import { AgentServer } from '../cluster/agent-server.ts';
import type { Conversations } from '../conversations/conversations.ts';
import type { Engine } from '../engine.ts';
import { hostnameOf, isLoopback } from '../host-guard.ts';
import { addClusterRoutes } from '../http/cluster-routes.ts';
import { clusterStateRoutes, deviceRoutes } from '../http/cluster-state-routes.ts';
import { addRoutes } from '../http/routes.ts';
import type { ServedModel } from '../http/served-model.ts';
import { type HttpServer, startHttpServer } from '../http/server.ts';
import { Pairing } from '../pairing/pairing.ts';
import { pairingFile } from '../pairing/pairing-file.ts';
import { addPairingRoutes } from '../pairing/routes.ts';
import type { DoorOptions } from './door-options.ts';
import { localAddresses } from './local-addresses.ts';

/** What is behind the door. */
export interface DoorHouse {
  /** None before it has started: until then no device is let in. */
  readonly engine: () => Engine | undefined;
  readonly models: () => readonly ServedModel[];
  readonly conversations?: Conversations;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

/** One port for pages, the API and the links of devices. */
export class Door {
  readonly http: HttpServer;
  /** What clients of the API say; undefined where nobody needs one. */
  readonly apiKey: string | undefined;
  readonly #host: string;
  readonly #pairing: Pairing;
  readonly #agents: AgentServer;

  private constructor(
    http: HttpServer,
    pairing: Pairing,
    agents: AgentServer,
    { host, apiKey }: DoorOptions,
  ) {
    this.http = http;
    this.apiKey = apiKey;
    this.#host = host;
    this.#pairing = pairing;
    this.#agents = agents;
  }

  /** @throws HearthError USAGE, LISTEN_FAILED, FILE_READ_FAILED, FILE_WRITE_FAILED */
  static async open(given: DoorOptions, house: DoorHouse): Promise<Door> {
    const options = given.lan ? onLan(given) : given;
    const { engine, models, conversations, logger, onError } = house;
    const pairing = new Pairing(pairingFile(), options.secret);
    const agents = new AgentServer({ pairing, onMember: (member) => void engine()?.join(member), logger });
    let door: Door | undefined;
    const pairingDoor = () =>
      engine() &&
      door && { pairing, joinUrl: () => door!.joinUrl, revoke: (name: string) => agents.revoke(name) };
    const http = await startHttpServer({
      models,
      ...(conversations && { conversations }),
      hostname: options.host,
      port: options.port,
      allowedHosts: isLoopbackHost(options.host) ? [] : localAddresses(),
      onError,
      extend: (app) => {
        addClusterRoutes(app, engine);
        addRoutes(app, clusterStateRoutes(engine, { onError }));
        addRoutes(app, deviceRoutes(engine));
        addPairingRoutes(app, pairingDoor);
      },
      ...(options.apiKey && { apiKey: options.apiKey }),
    });
    door = new Door(http, pairing, agents, options);
    return door;
  }

  /** From now on devices may come in. */
  letDevicesIn(): void {
    this.#agents.attach(this.http.server);
  }

  /** Whether only programs of this machine can come in. */
  get isLocal(): boolean {
    return isLoopbackHost(this.#host);
  }

  /** What a device joins by, and later a browser. What stands behind the # is sent to nobody. */
  get joinUrl(): string {
    const address = this.isLocal ? '127.0.0.1' : (localAddresses()[0] ?? this.#host);
    const host = address.includes(':') ? `[${address}]` : address;
    return `http://${host}:${this.http.port}/join#${this.#pairing.secret}`;
  }

  /** The line that another device joins with, for people. */
  sayHowToJoin(): string {
    const line = `npx hearth join "${this.joinUrl}"\n`;
    return this.isLocal ? `${line}          (from this machine only; --lan lets others in)\n` : line;
  }

  async close(): Promise<void> {
    this.#agents.close();
    await this.http.close();
  }
}

/** Whoever is let in from the network needs a key. */
function onLan(options: DoorOptions): DoorOptions {
  return { ...options, host: '0.0.0.0', apiKey: options.apiKey ?? randomBytes(18).toString('base64url') };
}

function isLoopbackHost(host: string): boolean {
  return isLoopback(hostnameOf(host) ?? '');
}
