/** Whether a device is to be left out for now, and why: its coordinator is told, and plans without it. */
export class StandBySwitch {
  #reason = '';
  #tell: (reason: string) => void = () => {};

  /** @param reason for people; empty when it is over */
  set(reason: string): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#tell(reason);
  }

  /** @param tell hears what there is to tell, now and whenever it changes, in place of who heard it before */
  follow(tell: (reason: string) => void): void {
    this.#tell = tell;
    if (this.#reason) tell(this.#reason);
  }
}
