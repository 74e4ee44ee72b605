import { HearthError } from '../../runtime/error.ts';
import type { Random } from '../support/random.ts';
import type { SimDevice } from './sim-device.ts';
import type { World } from './world.ts';

/** Something that happens to a house, and is over by itself after a while. */
type Fault = (world: World, device: SimDevice, random: Random) => void;

const between = (random: Random, leastMs: number, mostMs: number): number =>
  leastMs + random.integer(mostMs - leastMs);

/** Unless it has come back already, after another fault. */
function comesBack(world: World, device: SimDevice, random: Random): void {
  const { process } = device;
  world.time.after(between(random, 100, 6_000), () => {
    if (device.process === process) world.startDevice(device);
  });
}

/** Longer than an idle link may be silent. */
export const longestFaultMs = 12_000;

/** What may go wrong, by name. */
export const faults: Readonly<Record<string, Fault>> = {
  'links cut': (world, device) => {
    for (const link of world.linksOf(device)) {
      link.device.break();
      link.hub.break();
    }
  },
  'one link cut': (world, device, random) => {
    const links = world.linksOf(device);
    const link = links[random.integer(links.length)];
    link?.device.break();
    link?.hub.break();
  },
  // The device comes back by another link, and what it said on the old one arrives afterwards.
  'late frames': (world, device, random) => {
    for (const link of world.linksOf(device)) {
      link.device.way.delayMs += between(random, 1_000, 9_000);
      world.time.after(random.integer(300), () => link.device.break());
    }
  },
  'half open at the coordinator': (world, device) => {
    for (const link of world.linksOf(device)) link.device.break();
  },
  'half open at the device': (world, device) => {
    for (const link of world.linksOf(device)) link.hub.break();
  },
  partition: (world, device, random) => {
    world.block(device, true);
    world.time.after(between(random, 100, longestFaultMs), () => world.block(device, false));
  },
  'one way': (world, device, random) => {
    const way = random.integer(2) ? 'device' : 'hub';
    world.block(device, true, [way]);
    world.time.after(between(random, 100, longestFaultMs), () => world.block(device, false));
  },
  'slow link': (world, device, random) => {
    const links = world.linksOf(device);
    for (const { device: up, hub: down } of links)
      up.way.delayMs = down.way.delayMs = between(random, 20, 700);
    world.time.after(between(random, 500, 8_000), () => {
      for (const { device: up, hub: down } of links) up.way.delayMs = down.way.delayMs = 1;
    });
  },
  'device stands still': (world, { process }, random) => {
    process.freeze();
    world.time.after(between(random, 50, longestFaultMs), () => process.thaw());
  },
  'device dies': (world, device, random) => {
    world.killDevice(device, random.integer(2) === 1, random.integer(3) === 0);
    comesBack(world, device, random);
  },
  'device leaves': (world, device, random) => {
    device.leave();
    comesBack(world, device, random);
  },
  'device twice': (world, device, random) => {
    const twin = world.newDevice(device.name, device);
    world.startDevice(twin);
    world.time.after(between(random, 500, 9_000), () => {
      if (random.integer(2)) twin.leave();
      else world.killDevice(twin, random.integer(2) === 1, true);
    });
  },
  'device stands by': (world, device, random) => {
    device.standBy('its page is hidden');
    world.time.after(between(random, 300, 6_000), () => device.standBy(''));
  },
  'device paused': (world, device, random) => {
    const pause = (isPaused: boolean): void => {
      for (const member of world.coordinator.cluster.members)
        if (member.info.name === device.name) member.standBys.set('pause', isPaused ? 'paused' : '');
    };
    pause(true);
    world.time.after(between(random, 300, 6_000), () => pause(false));
  },
  'tile unreadable': (_, device) => {
    device.fault = new HearthError('TILE_UNREADABLE', 'gone');
  },
  'device clock forward': (_, { process }, random) => process.setForward(between(random, 500, 60_000)),
  'coordinator clock forward': ({ coordinator }, _, random) =>
    coordinator.process.setForward(between(random, 500, 60_000)),
  'coordinator stands still': ({ time, coordinator: { process } }, _, random) => {
    process.freeze();
    time.after(between(random, 50, longestFaultMs), () => process.thaw());
  },
  'coordinator dies': (world, _, random) => {
    // One that is dead already comes back by itself.
    if (!world.coordinator.process.isDead)
      world.killCoordinator(random.integer(3) > 0, between(random, 100, 5_000));
  },
  'slow tiles': (world, _, random) => {
    world.cutMs = between(random, 50, 1_500);
    world.time.after(between(random, 500, 5_000), () => {
      world.cutMs = 1;
    });
  },
};
