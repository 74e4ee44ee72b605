import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Schedule, type StepPlan } from '../../coordinator/scheduler/schedule.ts';
import type { Sequence } from '../../coordinator/scheduler/slot.ts';
import { HearthError } from '../../runtime/error.ts';
import { longestSequence } from '../../runtime/generation/generate.ts';
import { Generation } from '../../runtime/generation/generation.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { byteVocabSize, byteVocabulary, FakeRunner, type FakeRunnerOptions } from '../generation/fixtures.ts';
import { hostMath } from '../sampling/fixtures.ts';
import { request, textAlone } from './fixtures.ts';

/** A schedule and its runner, driven step by step. */
class Rig {
  readonly runner: FakeRunner;
  readonly schedule: Schedule;
  readonly texts = new Map<Sequence, string>();
  readonly errors = new Map<Sequence, unknown>();
  readonly finished = new Set<Sequence>();

  constructor(options: FakeRunnerOptions = {}, maxWaiting = 100) {
    this.runner = new FakeRunner(options);
    this.schedule = new Schedule(this.runner.limits, { maxWaiting, maxReplays: 3 });
  }

  add(wanted: GenerationRequest): Sequence {
    const limits = { vocabSize: byteVocabSize, contextLength: longestSequence(this.runner.limits) };
    const sequence = this.schedule.add(new Generation(wanted, limits, byteVocabulary, hostMath));
    this.texts.set(sequence, '');
    return sequence;
  }

  /** Runs one step; with `instead` it fails after all. */
  async step(instead?: unknown): Promise<StepPlan | undefined> {
    const plan = this.schedule.next();
    if (!plan) return undefined;
    for (const slot of plan.releases) this.runner.release(slot);
    const rows = await this.runner.step(plan.inputs).catch((error: unknown) => {
      instead ??= error;
      return [];
    });
    const outcomes = instead ? this.schedule.failed(plan, instead) : this.schedule.succeeded(plan, rows);
    for (const outcome of outcomes) {
      const { sequence } = outcome;
      if ('error' in outcome) this.errors.set(sequence, outcome.error);
      else this.texts.set(sequence, this.texts.get(sequence)! + outcome.event.text);
      if ('event' in outcome && outcome.event.finished) this.finished.add(sequence);
    }
    return plan;
  }

  async drain(): Promise<void> {
    for (let steps = 0; await this.step(); steps++) {
      if (steps > 20_000) throw new Error('the schedule does not come to an end');
    }
  }
}

const lost = new HearthError('DEVICE_LOST', 'a device left');

describe('Schedule', () => {
  it('puts a step together from next tokens and a chunk of a prompt', async () => {
    const rig = new Rig({ maxStepTokens: 8 });
    rig.add(request('abc', 5));
    await rig.step();
    rig.add(request('x'.repeat(20), 1));
    const plan = await rig.step();
    expect(plan!.inputs.map(({ slot, start, count, logits }) => [slot, start, count, logits])).toEqual([
      [0, 3, 1, 'last'],
      [1, 0, 7, 'none'],
    ]);
  });

  it('serves everybody in turn when a step is too small for all', async () => {
    const rig = new Rig({ maxStepTokens: 2, maxSequences: 4 });
    const sequences = ['a', 'b', 'c', 'd'].map((prompt) => rig.add(request(prompt, 10)));
    for (let i = 0; i < 10; i++) await rig.step();
    expect(sequences.map((sequence) => sequence.generation.answerTokens)).toEqual([5, 5, 5, 5]);
  });

  it('continues a conversation from its slot, and computes at least one token', async () => {
    const rig = new Rig();
    rig.add(request('the first question', 4));
    await rig.drain();
    const held = [...rig.runner.held(0)];
    const again = rig.add(request('the first question', 4));
    const plan = await rig.step();
    expect(plan!.inputs[0]).toMatchObject({ slot: 0, start: 17, count: 1 });
    expect(again.cachedTokens).toBe(17);
    await rig.drain();
    expect(rig.runner.held(0)).toEqual(held);
  });

  it('keeps other conversations while slots are empty', async () => {
    const rig = new Rig({ maxStepTokens: 64 });
    rig.add(request('system: be kind. user: one question that is rather long', 3));
    await rig.drain();
    rig.add(request('system: be kind. user: tell me a tale', 3));
    expect((await rig.step())!.inputs[0]).toMatchObject({ slot: 1, start: 0 });
  });

  it('takes no token for a sequence that was cancelled during the step', async () => {
    const rig = new Rig();
    const [cancelled, other] = [rig.add(request('a', 5)), rig.add(request('b', 5))];
    const plan = rig.schedule.next()!;
    rig.schedule.remove(cancelled);
    const outcomes = rig.schedule.succeeded(plan, await rig.runner.step(plan.inputs));
    expect(outcomes.map(({ sequence }) => sequence)).toEqual([other]);
    expect(cancelled.generation.answerTokens).toBe(0);
  });

  it('lets a request wait until its pages are free, and nobody overtakes it', async () => {
    const rig = new Rig({ kvPages: 3, maxStepTokens: 64 });
    const first = rig.add(request('a', 100));
    const second = rig.add(request('b', 100));
    const third = rig.add(request('c', 10));
    await rig.step();
    expect([first, second, third].map((sequence) => sequence.slot?.index)).toEqual([0, undefined, undefined]);
    await rig.drain();
    expect(rig.finished.size).toBe(3);
    expect(rig.runner.pagesUsed).toBeLessThanOrEqual(3);
  });

  it('counts what a slot still holds of its last owner until the new one’s first step', async () => {
    const rig = new Rig({ kvPages: 3, maxStepTokens: 256 });
    const beginning = 'x'.repeat(100);
    rig.add(request(beginning + 'y'.repeat(80), 8));
    await rig.drain();
    // It needs two of the slot's three pages, but the third is not free before its first step.
    rig.add(request(beginning + 'z'.repeat(15), 8));
    const small = rig.add(request('q', 8));
    await rig.step();
    expect(small.slot).toBeUndefined();
    await rig.step();
    expect(small.slot).toBeDefined();
    await rig.drain();
    expect(rig.errors.size).toBe(0);
  });

  it('drops what idle slots keep, longest idle first, when pages run short', async () => {
    const rig = new Rig({ kvPages: 3, maxStepTokens: 64 });
    for (const prompt of ['a', 'b', 'c']) {
      rig.add(request(prompt, 3));
      await rig.drain();
    }
    expect(rig.runner.pagesUsed).toBe(3);
    rig.add(request('d', 100));
    const plan = await rig.step();
    expect(plan!.releases).toEqual([0, 1]);
  });

  it('refuses what is too much to wait', () => {
    const rig = new Rig({}, 1);
    rig.add(request('a', 1));
    expect(() => rig.add(request('b', 1))).toThrow(expect.objectContaining({ code: 'SERVER_BUSY' }));
  });

  it('computes again what a lost device took', async () => {
    const rig = new Rig();
    const wanted = request('a question', 12);
    const sequence = rig.add(wanted);
    for (let i = 0; i < 5; i++) await rig.step();
    rig.runner.loseCaches();
    await rig.step(lost);
    // Until the runner says what it has kept, or lacks.
    expect((await rig.step())!.inputs[0]).toMatchObject({ start: 14, count: 1 });
    expect((await rig.step())!.inputs[0]).toMatchObject({ start: 0, count: 15 });
    await rig.drain();
    expect(rig.texts.get(sequence)).toBe(await textAlone(wanted));
  });

  it('gives up a sequence that loses its cache again and again', async () => {
    const rig = new Rig();
    const sequence = rig.add(request('a', 5));
    for (let i = 0; i < 4; i++) await rig.step(lost);
    expect(rig.errors.get(sequence)).toBe(lost);
    expect(rig.schedule.running).toEqual([]);
  });

  it('goes on from what the runner has kept', async () => {
    const rig = new Rig();
    const wanted = request('a question', 12);
    const sequence = rig.add(wanted);
    for (let i = 0; i < 5; i++) await rig.step();
    rig.runner.loseCaches([8]);
    rig.schedule.cachesLost([8]);
    expect((await rig.step())!.inputs[0]).toMatchObject({ start: 8, count: 7 });
    await rig.drain();
    expect(rig.texts.get(sequence)).toBe(await textAlone(wanted));
  });

  it('does not count losses between which there was progress', async () => {
    const rig = new Rig({ maxStepTokens: 64 });
    const sequence = rig.add(request('a', 20));
    while (!rig.finished.has(sequence) && rig.errors.size === 0) {
      rig.runner.loseCaches();
      await rig.step(lost);
      await rig.step();
    }
    expect(rig.errors.size).toBe(0);
  });

  it('finds the request at which a step fails, and spares the others', async () => {
    const rig = new Rig();
    const sequences = ['a', 'b', 'c'].map((prompt) => rig.add(request(prompt, 4)));
    const broken = new HearthError('FIXED_POINT_OVERFLOW', 'saturated');
    await rig.step(broken);
    expect((await rig.step())!.members).toEqual([sequences[0]]);
    expect((await rig.step(broken))!.members).toEqual([sequences[1]]);
    await rig.drain();
    expect([...rig.errors.keys()]).toEqual([sequences[1]]);
    expect([...rig.finished]).toEqual([sequences[0], sequences[2]]);
  });

  it('a row that is not finite ends its own request only', async () => {
    const rig = new Rig({
      maxStepTokens: 64,
      model: (tokens) => new Float32Array(byteVocabSize).fill(tokens[0] === 98 ? Number.NaN : 0),
    });
    const sequences = ['a', 'b', 'c'].map((prompt) => rig.add(request(prompt, 2)));
    await rig.drain();
    expect([...rig.errors.keys()]).toEqual([sequences[1]]);
    expect(rig.errors.get(sequences[1]!)).toMatchObject({ code: 'LOGITS_NOT_FINITE' });
  });
});

/** What may happen between two steps. */
type Action =
  | { kind: 'add'; prompt: string; maxTokens: number; seed: number }
  | { kind: 'cancel'; which: number }
  | { kind: 'lose'; noticed: 'by the step' | 'by the cluster' | 'in part' | 'later' }
  | { kind: 'steps'; count: number };

const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      // Prompts share beginnings, so that slots are reused.
      prompt: fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 90 }),
      maxTokens: fc.integer({ min: 1, max: 90 }),
      seed: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      noticed: fc.constantFrom(
        'by the step' as const,
        'by the cluster' as const,
        'in part' as const,
        'later' as const,
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('steps' as const), count: fc.integer({ min: 1, max: 30 }) }),
  },
);

describe('a schedule under chance', () => {
  const shapes = fc.record({
    maxStepTokens: fc.integer({ min: 1, max: 40 }),
    maxSequences: fc.integer({ min: 1, max: 5 }),
    contextLength: fc.constant(192),
    kvPages: fc.integer({ min: 3, max: 12 }),
  });

  async function act(rig: Rig, action: Action, wanted: Map<Sequence, GenerationRequest>): Promise<void> {
    if (action.kind === 'add') {
      const one = request(action.prompt, action.maxTokens, action.seed);
      wanted.set(rig.add(one), one);
    } else if (action.kind === 'cancel') {
      const sequence = [...wanted.keys()][action.which];
      if (!sequence || rig.finished.has(sequence)) return;
      rig.schedule.remove(sequence);
      wanted.delete(sequence);
    } else if (action.kind === 'lose') {
      const kept = action.noticed === 'in part' ? [7, 1, 0, 40, 16] : [];
      rig.runner.loseCaches(kept);
      if (action.noticed === 'by the step') await rig.step(lost);
      if (action.noticed === 'by the cluster' || kept.length > 0) rig.schedule.cachesLost(kept);
    } else {
      for (let i = 0; i < action.count; i++) await rig.step();
    }
  }

  it('gives each request what it gets alone, within the runner’s limits', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(actions, { maxLength: 25 }), async (shape, script) => {
        const rig = new Rig(shape);
        const wanted = new Map<Sequence, GenerationRequest>();
        for (const action of script) await act(rig, action, wanted);
        await rig.drain();
        for (const [sequence, one] of wanted) {
          if (rig.errors.has(sequence)) expect(sequence.replays).toBeGreaterThan(3);
          else expect(rig.texts.get(sequence)).toBe(await textAlone(one));
        }
        expect(rig.schedule.running).toEqual([]);
        expect(rig.schedule.reservedPages).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
