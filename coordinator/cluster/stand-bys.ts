/** On whose account a device may be left out, the gravest first. */
const causes = ['quarantine', 'holdOff', 'pause', 'device'] as const;
export type StandByCause = (typeof causes)[number];

/** Why one device is to be left out: there may be several reasons at once, each of which ends by itself. */
export class StandBys {
  readonly #reasons = new Map<StandByCause, string>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** @param reason empty where there is none any more */
  set(cause: StandByCause, reason: string): void {
    if (reason === (this.#reasons.get(cause) ?? '')) return;
    if (reason) this.#reasons.set(cause, reason);
    else this.#reasons.delete(cause);
    this.#onChange();
  }

  has(cause: StandByCause): boolean {
    return this.#reasons.has(cause);
  }

  /** The gravest; empty if the device may compute. */
  get reason(): string {
    const cause = causes.find((one) => this.#reasons.has(one));
    return cause ? this.#reasons.get(cause)! : '';
  }
}
