import { mkdirSync, readFileSync, renameSync, rm, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fields } from '../../runtime/protocol/fields.ts';
import { readRates } from '../../runtime/protocol/measures.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { type RatesMemory, rememberedMs } from '../probe/remembering.ts';

interface NotedRates {
  readonly measuredMs: number;
  readonly rates: DeviceRates;
}

/** Circumstances that are remembered: other numbers of threads, other versions. */
const maxEntries = 16;

/** A small file of what was measured. One that is damaged, or cannot be written, only means measuring again. */
export class RememberedRates implements RatesMemory {
  readonly #path: string;
  readonly #nowMs: () => number;

  /** @param nowMs since 1970 */
  constructor(path: string, nowMs: () => number = Date.now) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  find(key: string): DeviceRates | undefined {
    const noted = this.#read().get(key);
    const ageMs = noted ? this.#nowMs() - noted.measuredMs : Number.NaN;
    // A clock that was set back must not make what is old count for longer.
    return ageMs >= 0 && ageMs < rememberedMs ? noted!.rates : undefined;
  }

  note(key: string, rates: DeviceRates): void {
    const entries = this.#read();
    entries.set(key, { measuredMs: this.#nowMs(), rates });
    const newest = [...entries].sort(([, a], [, b]) => b.measuredMs - a.measuredMs).slice(0, maxEntries);
    const part = `${this.#path}.${process.pid}`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(part, JSON.stringify(Object.fromEntries(newest), undefined, 1));
      renameSync(part, this.#path);
    } catch {
      rm(part, { force: true }, () => {});
    }
  }

  #read(): Map<string, NotedRates> {
    try {
      const entries = Object.entries(JSON.parse(readFileSync(this.#path, 'utf8')) as object);
      return new Map(entries.map(([key, value]) => [key, readEntry(value)]));
    } catch {
      return new Map();
    }
  }
}

/** @throws HearthError FRAME_MALFORMED */
function readEntry(value: unknown): NotedRates {
  const fields = new Fields(value, 'noted');
  const rates = fields.map('rates');
  const noted = {
    measuredMs: fields.number('measuredMs', 0, Number.MAX_SAFE_INTEGER),
    rates: readRates(rates),
  };
  rates.done();
  fields.done();
  return noted;
}
