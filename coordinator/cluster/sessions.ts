import type { Link } from '../../device-agent/link.ts';
import { equalBytes } from '../../runtime/protocol/handshake.ts';
import { notPaired } from './greet.ts';
import type { Member } from './member.ts';

interface Session {
  readonly member: Member;
  /** Its key. */
  readonly device: Uint8Array;
  readonly tileKey: Uint8Array;
}

/** Devices that have joined over the network and are here, with what links are attached by. */
export class Sessions {
  #sessions: readonly Session[] = [];

  add(session: Session): void {
    this.#sessions = [...this.#sessions.filter(({ member }) => member.isHere), session];
  }

  tileKeyOf(session: Uint8Array): Uint8Array | undefined {
    return this.#find(session)?.tileKey;
  }

  /** @param link whose other end has proved to know the session's key */
  attach(session: Uint8Array, link: Link): void {
    this.#find(session)?.member.takeTileLink(link);
  }

  /** Keys of those who are here under a name. */
  keysOf(name: string): Uint8Array[] {
    return this.#sessions
      .filter(({ member }) => member.isHere && member.info.name === name)
      .map(({ device }) => device);
  }

  /** Lets go of whoever has one of these keys. */
  drop(devices: readonly Uint8Array[]): void {
    for (const { member, device } of this.#sessions)
      if (devices.some((key) => equalBytes(key, device))) member.drop(notPaired());
  }

  #find(session: Uint8Array): Session | undefined {
    return this.#sessions.find(({ member }) => member.isHere && equalBytes(member.info.session, session));
  }
}
