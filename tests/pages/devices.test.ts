import { describe, expect, it } from 'vitest';
import { recentWork, tokensPerSecond, withSample } from '../../coordinator/pages/devices/cluster/history.ts';
import type { Sample } from '../../coordinator/pages/devices/cluster/history.ts';
import { keyedDevices } from '../../coordinator/pages/devices/cluster/keyed-devices.ts';
import { slowest } from '../../coordinator/pages/devices/cluster/slowest.ts';
import { type StepWork, stepWork } from '../../coordinator/pages/devices/cluster/step-work.ts';
import { kindNames } from '../../coordinator/pages/devices/cluster/what-if.ts';
import { waitsForOwner } from '../../coordinator/pages/devices/cluster/words.ts';
import { rateData, workData } from '../../coordinator/pages/devices/views/graph-data.ts';
import { between, starGeometry } from '../../coordinator/pages/devices/views/star-geometry.ts';
import { typicalKinds } from '../../runtime/plan/typical-devices.ts';
import { device } from '../support/device-state.ts';

/** `device` after some steps more, of which each took so long. */
function stepsLater(steps: number, ownMs: number, waitMs = 1) {
  const { work } = device;
  return {
    ...device,
    work: {
      ...work,
      steps: work.steps + steps,
      ownMs: work.ownMs + steps * ownMs,
      waitMs: work.waitMs + steps * waitMs,
    },
  };
}

const sample = (atMs: number, answerTokens: number, ...devices: (typeof device)[]): Sample => ({
  atMs,
  answerTokens,
  devices: keyedDevices(devices),
});

describe('the work of a step', () => {
  it('is a mean of all, or of what came since', () => {
    expect(stepWork(device)).toMatchObject({
      ownMs: 70,
      waitMs: 25,
      syncs: 44,
      streamedBytes: 3.1e8,
      readWaitMs: 12.5,
    });
    expect(stepWork(stepsLater(5, 30), device)).toMatchObject({ ownMs: 30, waitMs: 1, syncs: 0 });
    expect(stepWork(device, device)).toBeUndefined();
  });

  it('begins anew with a device that came anew', () => {
    expect(stepWork(device, stepsLater(5, 30))).toMatchObject({ ownMs: 70 });
  });
});

describe('a device that is left out', () => {
  it('can be let back by its owner if that is for a person to decide', () => {
    expect(waitsForOwner({ ...device, paused: false, state: 'ready' })).toBe(false);
    expect(waitsForOwner({ ...device, paused: false, state: 'stand-by' })).toBe(false);
    expect(waitsForOwner({ ...device, paused: true, state: 'ready' })).toBe(true);
    expect(waitsForOwner({ ...device, paused: false, state: 'quarantined' })).toBe(true);
  });
});

describe('the history', () => {
  it('keeps the last minutes, and forgets those of a coordinator that began anew', () => {
    let samples: readonly Sample[] = [];
    for (let second = 0; second < 400; second += 1)
      samples = withSample(samples, sample(1000 * second, second));
    expect(samples).toHaveLength(301);
    expect(withSample(samples, sample(10, 0))).toHaveLength(1);
  });

  it('tells rates of the last seconds', () => {
    const samples = [
      sample(0, 0, device),
      sample(5000, 100, stepsLater(10, 20)),
      sample(10_000, 110, stepsLater(20, 40)),
    ];
    expect(tokensPerSecond(samples)).toBe(2);
    expect(tokensPerSecond(samples, 1)).toBe(20);
    expect(tokensPerSecond(samples, 0)).toBeUndefined();
    // 20 steps of 40 ms, of which 10 took 20 ms each.
    expect(recentWork(samples, 'attic')?.ownMs).toBe(60);
    expect(recentWork(samples, 'nobody')).toBeUndefined();
    expect(rateData(samples)).toEqual([
      [-10, -5, 0],
      [null, 20, 2],
    ]);
    expect(workData(samples, ['attic'], ({ ownMs }) => ownMs)[1]).toEqual([null, 20, 60]);
  });
});

describe('the slowest', () => {
  const base: StepWork = {
    ownMs: 10,
    waitMs: 0,
    upBytes: 0,
    downBytes: 0,
    syncs: 0,
    streamedBytes: 0,
    readWaitMs: 0,
  };
  const two = keyedDevices([device, { ...device, name: 'desk' }]);
  const reasonOf = (work: Partial<StepWork>, devices = two) =>
    slowest(
      devices,
      new Map([
        ['attic', { ...base, ...work }],
        ['desk', base],
      ]),
    );

  it('is named with what takes most of its step', () => {
    expect(reasonOf({ ownMs: 50 })).toEqual({
      key: 'attic',
      reason: 'computes 48 ms a step, with 50 % of the weights',
    });
    expect(reasonOf({ ownMs: 90, syncs: 40 })?.reason).toBe(
      'its link takes 2.1 ms there and back, 40 times a step',
    );
    expect(reasonOf({ ownMs: 90, readWaitMs: 70 })?.reason).toBe(
      'waits 70 ms a step for weights from its disk',
    );
    const drifted = two.map((one) => ({ ...one, drift: 0.6 }));
    expect(reasonOf({ ownMs: 50 }, drifted)?.reason).toMatch('40 % slower than when it got its tiles');
  });

  it('is nobody where one computes alone', () => {
    expect(slowest(two, new Map([['attic', base]]))).toBeUndefined();
  });
});

describe('the star', () => {
  it.each([
    [360, 1],
    [360, 5],
    [640, 5],
    [1000, 16],
  ])('of %i pixels has room for %i devices and their names', (width, count) => {
    const { nodes, height, nodeRadius, centre, centreRadius } = starGeometry(width, count);
    expect(nodes).toHaveLength(count);
    for (const [i, { x, y, isNameAbove }] of nodes.entries()) {
      expect(x - nodeRadius).toBeGreaterThanOrEqual(0);
      expect(x + nodeRadius).toBeLessThanOrEqual(width);
      expect(y - nodeRadius - (isNameAbove ? 40 : 0)).toBeGreaterThanOrEqual(0);
      expect(y + nodeRadius + (isNameAbove ? 0 : 40)).toBeLessThanOrEqual(height);
      expect(Math.hypot(x - centre.x, y - centre.y)).toBeGreaterThan(nodeRadius + centreRadius);
      for (const other of nodes.slice(i + 1))
        expect(Math.hypot(x - other.x, y - other.y)).toBeGreaterThan(2 * nodeRadius);
    }
  });

  it('draws a link between two circles', () => {
    expect(between({ x: 0, y: 0 }, 2, { x: 10, y: 0 }, 3)).toEqual([
      { x: 2, y: 0 },
      { x: 7, y: 0 },
    ]);
  });
});

it('devices of one name are told apart', () => {
  expect(keyedDevices([device, device]).map(({ key }) => key)).toEqual(['attic', 'attic #2']);
});

it('every typical device has a name for people', () => {
  expect(Object.keys(kindNames).sort()).toEqual([...typicalKinds].sort());
});
