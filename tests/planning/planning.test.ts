import { expect, onTestFinished, test } from 'vitest';
import { arrangeAll } from '../../coordinator/cluster/arrangement.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import type { Seat } from '../../coordinator/cluster/roster.ts';
import { tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import { planReport } from '../../coordinator/planning/plan-report.ts';
import { type PlanQuestion, PlanThread } from '../../coordinator/planning/plan-thread.ts';
import { Planning } from '../../coordinator/planning/planning.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { devicesOfKinds } from '../../runtime/plan/typical-devices.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { device, link, planOptions, smallModel } from '../support/plan.ts';

const work = modelWork(smallModel(), planOptions);

/** What planning asks of a member; without a profile it was not measured yet. */
function seatOf(index: number, profile: DeviceProfile | undefined, linkKind = 'local'): Seat {
  const { name, threads, memoryBytes, link: measuredLink, ...rates } = profile ?? device({ name: 'new' });
  const member = {
    info: { name, link: linkKind, capabilities: { threads, memoryBytes } },
    probe: { rates: profile && rates, link: { profile: measuredLink } },
  };
  return { index, member: member as unknown as Member, share: 1, declined: undefined };
}

function planning() {
  const asked: PlanQuestion[] = [];
  const thread = {
    plan: async (question: PlanQuestion) => {
      asked.push(question);
      return planReport(work, question.devices, question.goal, question.present);
    },
  };
  const unmeasured = arrangeAll(tensorLayout(22));
  return { asked, planning: new Planning({ thread, goal: 'latency', unmeasured, logger: silentLogger }) };
}

const large = device({ name: 'large' });
const slow = device({
  name: 'slow',
  kernels: { Q4_0: { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 1e10 } },
  link: link(30),
});

test('who would slow the others stands by, and so does who was not measured', async () => {
  const { planning: planned } = planning();
  const seats = [seatOf(0, undefined), seatOf(1, slow, 'websocket'), seatOf(2, large)];
  const { seats: chosen, layout } = await planned.arrange(seats, undefined);
  expect(chosen).toEqual([seats[2]]);
  expect(layout.stages).toEqual([{ firstLayer: 0, endLayer: 22, shares: [expect.any(Number)] }]);
  expect(layout.vocabularyShares).toHaveLength(1);
  const { plan, failure, unmeasured } = planned.state(seats.map(({ member }) => member));
  expect(plan!.explanation.standBy).toEqual([expect.stringMatching(/^slow stands by: it would slow/)]);
  expect([failure, unmeasured]).toEqual([undefined, ['new']]);
});

test('a device whose link was not measured yet stands by', async () => {
  const { planning: planned } = planning();
  const { link: _, ...unlinked } = slow;
  const seats = [seatOf(0, large), seatOf(1, { ...unlinked, link: undefined }, 'websocket')];
  expect((await planned.arrange(seats, undefined)).seats).toEqual([seats[0]]);
  expect(planned.state(seats.map(({ member }) => member)).unmeasured).toEqual(['slow']);
});

test('where nobody was measured, all share the work', async () => {
  const { asked, planning: planned } = planning();
  const seats = [seatOf(0, undefined), seatOf(1, undefined)];
  const { seats: chosen, layout } = await planned.arrange(seats, undefined);
  expect(chosen).toEqual(seats);
  expect(layout.stages[0]!.shares).toEqual([1, 1]);
  expect(asked).toEqual([]);
});

test('what is in use is told in terms of those who are here now', async () => {
  const { asked, planning: planned } = planning();
  const [first, second] = [seatOf(1, large), seatOf(0, slow, 'websocket')];
  const present = await planned.arrange([first], undefined);
  await planned.arrange([second, first], present);
  expect(asked[1]!.present!.stages[0]!.shares).toEqual([0, present.layout.stages[0]!.shares[0]]);
  // Of one who is no more, nothing can be told.
  await planned.arrange([second], present);
  expect(asked[2]!.present).toBeUndefined();
});

test('without room for the model there is no arrangement, and the numbers are told', async () => {
  const { planning: planned } = planning();
  const seats = [seatOf(0, device({ memoryBytes: 1e6 }))];
  await expect(planned.arrange(seats, undefined)).rejects.toMatchObject({
    code: 'PLAN_NO_DEVICES',
    message: expect.stringMatching(/takes \d+ bytes of weights/),
  });
  expect(planned.state([])).toMatchObject({ plan: undefined, failure: expect.stringMatching(/takes \d+/) });
  await planned.arrange([seatOf(0, large)], undefined);
  expect(planned.state([]).failure).toBeUndefined();
});

test('a preview changes nothing, and only so many may wait', async () => {
  const { planning: planned } = planning();
  const { member } = seatOf(0, slow);
  const previews = Array.from({ length: 5 }, () =>
    planned.preview([member], 'memory', devicesOfKinds(['desktop'])),
  );
  await expect(previews[4]).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  const [{ goal, devices }] = (await Promise.all(previews.slice(0, 4))) as [Awaited<(typeof previews)[0]>];
  expect([goal, ...devices.map(({ name }) => name)]).toEqual(['memory', 'slow', 'desktop']);
  expect(planned.state([]).plan).toBeUndefined();
});

test('a thread of its own plans the same', { timeout: 30_000 }, async () => {
  const thread = new PlanThread({ description: smallModel(), options: planOptions });
  onTestFinished(() => thread.close());
  const devices = [large, slow];
  expect(await thread.plan({ devices, goal: 'latency' })).toEqual(planReport(work, devices, 'latency'));
  await expect(thread.plan({ devices: [], goal: 'latency' })).rejects.toMatchObject({
    code: 'PLAN_NO_DEVICES',
  });
});
