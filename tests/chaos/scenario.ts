import { Random } from '../support/random.ts';
import { faults, longestFaultMs } from './faults.ts';
import { questions } from './questions.ts';
import { joinsMs, World } from './world.ts';

export interface ScenarioReport {
  readonly seed: number;
  readonly answers: number;
  readonly faults: readonly string[];
  readonly events: number;
  readonly simulatedMs: number;
  /** What should not have happened; empty if all is well. */
  readonly failures: readonly string[];
  readonly trace: readonly string[];
}

const lastFaultMs = 12_000;
/** In which all that was done to a house is over, and what was asked is answered. */
const recoveryMs = 180_000;
/** In which whoever is gone has been noticed, and whoever is here has its place. */
const settlingMs = 60_000;

/** Lets happen to a house what a seed says, and looks whether anybody noticed. */
export async function scenario(
  seed: number,
  expected: readonly (readonly number[])[],
): Promise<ScenarioReport> {
  const random = Random.named(seed, 'scenario');
  let answers = 0;
  const world = new World({
    seed,
    devices: 1 + random.integer(4),
    clients: 1 + random.integer(3),
    onAnswer: (question, tokens) => {
      answers += 1;
      if (tokens.join() !== expected[question]!.join())
        world.fail(new Error(`question ${question} was answered by ${tokens}, not ${expected[question]}`));
    },
  });
  const done = plan(world, random);
  world.start();
  world.time.after(4_000 + random.integer(16_000), () => {
    for (const client of world.clients) client.end();
  });
  await runUntil(world, () => false, lastFaultMs + longestFaultMs);
  const isAnswered = await runUntil(world, () => world.clients.every(({ isIdle }) => isIdle), recoveryMs);
  if (!isAnswered) world.fail('not everything was answered in time');
  await comesTrue(world, wrongMembers);
  for (const device of world.devices) device.leave();
  void world.coordinator.scheduler.close();
  world.coordinator.cluster.close();
  await comesTrue(world, leftOvers);
  const { failures, trace, time } = world;
  return { seed, answers, faults: done, events: time.events, simulatedMs: time.nowMs, failures, trace };
}

/** What each question is answered where nothing happens. */
export async function undisturbed(): Promise<number[][]> {
  const expected: number[][] = [];
  for (let seed = 1; expected.filter(Boolean).length < questions.length; seed += 1) {
    const world = new World({
      seed,
      devices: 1,
      clients: 1,
      onAnswer: (question, tokens) => {
        expected[question] = [...tokens];
      },
    });
    world.start();
    await runUntil(world, () => false, 30_000);
    if (world.failures.length > 0) throw new Error(world.failures.join('\n'));
  }
  return expected;
}

/** Faults at random moments, some of them together. @returns their names, as they come */
function plan(world: World, random: Random): readonly string[] {
  const names = Object.keys(faults);
  const done: string[] = [];
  for (let left = 1 + random.integer(10); left > 0; left -= 1) {
    const name = names[random.integer(names.length)]!;
    const device = world.devices[random.integer(world.devices.length)]!;
    world.time.after(joinsMs + random.integer(lastFaultMs - joinsMs), () => {
      done.push(name);
      world.note(`FAULT ${name}: ${device.name}`);
      faults[name]!(world, device, random);
    });
  }
  return done;
}

async function runUntil(world: World, isOver: () => boolean, forMs: number): Promise<boolean> {
  const { time } = world;
  const endMs = time.nowMs + forMs;
  for (;;) {
    try {
      const over = await time.run(isOver, endMs);
      if (!over) time.nowMs = endMs;
      return over;
    } catch (error) {
      // Of one event: the others go on.
      world.fail(error);
    }
  }
}

/** Fails unless there comes a time in which a look finds nothing. */
async function comesTrue(world: World, look: (world: World) => string): Promise<void> {
  if (!(await runUntil(world, () => look(world) === '', settlingMs))) world.fail(look(world));
}

/** Everybody who is here is a member, once, and has a part. */
function wrongMembers({ coordinator, devices }: World): string {
  const states = coordinator.cluster.deviceStates();
  const said = states.map(({ name, state }) => `${name} ${state}`).sort();
  const here = devices.map(({ name }) => `${name} ready`).sort();
  return said.join() === here.join() ? '' : `members are ${said.join()}, not ${here.join()}`;
}

/** When all have left, no timer is left of anybody who was not killed, and no member. */
function leftOvers({ coordinator, processes }: World): string {
  const timers = processes.filter(({ isDead }) => !isDead).reduce((sum, process) => sum + process.timers, 0);
  const { members } = coordinator.cluster;
  return timers + members.length === 0 ? '' : `${timers} timers and ${members.length} members are left`;
}
