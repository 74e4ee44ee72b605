import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../device-agent/logger.ts';
import { type MeasureDevice, unknownRates } from '../../device-agent/probe/measure.ts';
import { ProbeAnswers } from '../../device-agent/probe/probe-answers.ts';
import { Session } from '../../device-agent/session.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { burstPieceBytes, type DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { FakeClock, settle } from '../cluster/fake-clock.ts';
import { memoryLinkPair } from '../cluster/memory-link.ts';
import { sessionOptions, welcome } from '../cluster/test-cluster.ts';
import { messagesOf } from '../cluster/test-house.ts';

const rates: DeviceRates = {
  kernels: { Q4_0: { decodeBytesPerSecond: 1e10, prefillFlopsPerSecond: 1e11 } },
  attentionBytesPerSecond: 5e9,
  diskBytesPerSecond: 1e9,
  syncMs: 0.5,
};
const wanted = { type: 'measure', formats: ['Q4_0'], kvFormat: 'f16', fresh: false } as const;

/** Takes until it is aborted. */
const endless: MeasureDevice = (_, signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

function answers(measure?: MeasureDevice) {
  const sent: ControlMessage[] = [];
  const clock = new FakeClock();
  const link = { backlogBytes: 0 };
  const probes = new ProbeAnswers({
    measure,
    clock,
    logger: silentLogger,
    send: (message) => sent.push(message),
    backlogBytes: () => link.backlogBytes,
  });
  return { probes, sent, clock, link };
}

describe('a device that is asked how fast it is', () => {
  test.each<[string, MeasureDevice | undefined, DeviceRates]>([
    ['tells', async () => rates, rates],
    ['tells nothing if it cannot', undefined, unknownRates],
    ['tells nothing if that fails', () => Promise.reject(new Error('no')), unknownRates],
  ])('%s', async (_, measure, told) => {
    const { probes, sent } = answers(measure);
    probes.answer(wanted);
    await settle();
    expect(sent).toEqual([{ type: 'measured', ...told }]);
  });

  test('stops when a rank needs it, and answers each question once', async () => {
    const { probes, sent } = answers(endless);
    probes.answer(wanted);
    await settle();
    expect(sent).toEqual([]);
    probes.yield();
    probes.yield();
    await settle();
    expect(sent).toEqual([{ type: 'measured', ...unknownRates }]);
  });
});

describe('a burst', () => {
  const piecesOf = (sent: readonly ControlMessage[]): number[] =>
    sent.map((message) => (message.type === 'burst' && message.id === 7 ? message.bytes.length : -1));

  test('has as many bytes as are wanted', async () => {
    const { probes, sent, clock } = answers();
    probes.answer({ type: 'burstWanted', id: 7, byteLength: 2 * burstPieceBytes + 5 });
    await clock.pass(1_000);
    expect(piecesOf(sent)).toEqual([burstPieceBytes, burstPieceBytes, 5]);
    expect(clock.timerCount).toBe(0);
  });

  test('waits where the link is slower, and ends where a step comes', async () => {
    const { probes, sent, clock, link } = answers();
    link.backlogBytes = 1e6;
    probes.answer({ type: 'burstWanted', id: 7, byteLength: 4 * burstPieceBytes });
    await clock.pass(1_000);
    expect(sent).toEqual([]);
    probes.yield();
    link.backlogBytes = 0;
    await clock.pass(1_000);
    expect(sent).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });
});

test('a session measures for who has welcomed it, until it is told to be a rank', async () => {
  const [hub, link] = memoryLinkPair();
  const aborted: boolean[] = [];
  const measure: MeasureDevice = async (request, signal) => {
    await endless(request, signal).catch(() => aborted.push(signal.aborted));
    return rates;
  };
  const session = new Session(link, sessionOptions('a', { measure, clock: new FakeClock() }));
  const say = async (message: ControlMessage) => {
    hub.send(encodeControl(message));
    await settle();
  };
  await say(welcome);
  await say(wanted);
  await say({ type: 'burstWanted', id: 1, byteLength: 3 });
  await say({ type: 'burst', id: 1, bytes: new Uint8Array(9) });
  expect(aborted).toEqual([]);
  expect(messagesOf(link).at(-1)).toEqual({ type: 'burst', id: 1, bytes: new Uint8Array(3) });
  // Not its turn: what a rank is told ends the measuring, before it is judged.
  await say({ type: 'release', slot: 0 });
  expect(aborted).toEqual([true]);
  expect(session.state).toBe('closed');
});
