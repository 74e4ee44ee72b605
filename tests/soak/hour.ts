import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endlessModel } from '../support/endless-model.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { Random } from '../support/random.ts';
import { SlowLink } from '../support/slow-link.ts';
import { readSamples, trendOf } from './memory-series.ts';
import { MixedLoad } from './mixed-load.ts';

type HourOptions = Record<'minutes' | 'pause' | 'leave' | 'seed' | 'serve', string> & {
  readonly rest?: string;
};

interface Watched {
  readonly name: string;
  readonly process: HearthProcess;
}

const patienceMs = 120_000;
/** What allocators give back to the system when they like. */
const noiseBytes = { rss: 16e6, heap: 3e6 };
/** Samples of a short run too are enough to draw a line through. */
const samples = 240;

/** @returns whether nothing grew, nothing failed and no answer was another than before */
export async function hour(options: HourOptions): Promise<boolean> {
  const minutes = Number(options.minutes);
  const random = new Random(Number(options.seed));
  const house = await House.build();
  writeFileSync(house.modelPath, await endlessModel());
  const memory = join(house.folder, 'memory');
  mkdirSync(memory);
  watchMemory(memory, Math.max(500, (minutes * 60_000) / samples), join(house.folder, 'conversations'));
  const link = await SlowLink.open();
  try {
    const coordinator = await house.serve(...options.serve.split(' '));
    link.targetPort = house.link.targetPort;
    const stays = [house.joinOver(link, 'stays-a'), house.joinOver(link, 'stays-b')];
    const guests = new Guests(house, link, random);
    await coordinator.says(/Ready/, patienceMs);
    const pauseMs = 1000 * Number(options.pause);
    const load = new MixedLoad({ url: house.url, pauseMs, random, restFile: options.rest });
    const loading = load.run();
    const endMs = Date.now() + 60_000 * minutes;
    while (Date.now() < endMs) {
      await sleep(Math.min(1000 * Number(options.leave), Math.max(0, endMs - Date.now())));
      if (!load.isResting) await guests.change();
    }
    load.end();
    await loading;
    const watched = [
      { name: 'coordinator', process: coordinator },
      ...stays.map((process, i) => ({ name: `agent ${i + 1}`, process })),
    ];
    console.log(
      `${load.requests} requests, ${load.wrong} answers other than before, ${guests.changes} changes`,
    );
    for (const failure of load.failures) console.log(`failed: ${failure}`);
    const areFlat = watched.map((one) => reportOn(one, memory));
    return areFlat.every(Boolean) && load.wrong === 0 && load.failures.length === 0;
  } finally {
    await house.close();
    await link.close();
  }
}

/** Of all processes that are started from now on. */
function watchMemory(folder: string, periodMs: number, conversations: string): void {
  // From the bundle in dist/ as from here.
  const report = new URL('../../tests/soak/report-memory.mjs', import.meta.url);
  Object.assign(process.env, {
    NODE_OPTIONS: `--import ${report}`,
    HEARTH_SOAK_MEMORY: folder,
    HEARTH_SOAK_PERIOD_MS: `${periodMs}`,
    HEARTH_CONVERSATIONS: conversations,
  });
}

/** A device that comes and goes, and breaks of the link of those who stay. */
class Guests {
  readonly #house: House;
  readonly #link: SlowLink;
  readonly #random: Random;
  #guest: HearthProcess | undefined;
  changes = 0;

  constructor(house: House, link: SlowLink, random: Random) {
    this.#house = house;
    this.#link = link;
    this.#random = random;
    this.#guest = house.join('guest');
  }

  async change(): Promise<void> {
    this.changes += 1;
    if (this.#random.integer(4) === 0) {
      this.#link.cut();
    } else if (this.#guest) {
      await this.#guest.kill(this.#random.integer(2) ? 'SIGTERM' : 'SIGKILL');
      this.#guest = undefined;
    } else {
      this.#guest = this.#house.join('guest');
    }
  }
}

function reportOn({ name, process: { pid } }: Watched, folder: string): boolean {
  const all = readSamples(join(folder, `${pid}.jsonl`));
  const times = all.map(({ ms }) => ms);
  const lines = (['rss', 'heap'] as const).map((what) => {
    const values = all.map((sample) => sample[what]);
    const { median, perHour, isFlat } = trendOf(times, values, noiseBytes[what]);
    const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
    console.log(
      `${name} ${what}: ${mb(values[0] ?? 0)} MB at first, ${mb(median)} in the second half, ` +
        `${perHour < 0 ? '' : '+'}${mb(perHour)} MB an hour: ${isFlat ? 'flat' : 'GROWS'}`,
    );
    return isFlat;
  });
  return lines.every(Boolean);
}
