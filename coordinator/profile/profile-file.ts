import { writeFile } from 'node:fs/promises';
import { writing } from '../files/disk.ts';
import { chromeTrace } from './chrome-trace.ts';
import { Profile } from './profile.ts';
import { Profiler } from './profiler.ts';
import { formatProfile } from './table.ts';

/** What `--profile FILE` asks for: a profiler, and a place for what it finds. */
export class ProfileFile {
  readonly profiler: Profiler;
  readonly #path: string;
  readonly #profile = new Profile();

  private constructor(path: string) {
    this.#path = path;
    this.profiler = new Profiler(this.#profile.add);
  }

  /**
   * @returns undefined if no profile is asked for
   * @throws HearthError FILE_WRITE_FAILED, before anything is measured in vain
   */
  static async open(path: string | undefined): Promise<ProfileFile | undefined> {
    if (path === undefined) return undefined;
    await writing(path, writeFile(path, chromeTrace([])));
    return new ProfileFile(path);
  }

  /**
   * Writes the trace.
   * @returns the tables, for people
   * @throws HearthError FILE_WRITE_FAILED
   */
  async finish(): Promise<string> {
    await this.profiler.stop();
    const { parts } = this.#profile;
    await writing(this.#path, writeFile(this.#path, chromeTrace(parts)));
    return formatProfile(parts, this.profiler.incomplete);
  }
}
