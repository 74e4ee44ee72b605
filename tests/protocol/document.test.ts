import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodePlanes, replacePlanes } from '../../runtime/collective/partial-frame.ts';
import { encodeResidual, takeResidual } from '../../runtime/collective/residual-frame.ts';
import type { Residual } from '../../runtime/decoder/step.ts';
import { operations } from '../../runtime/profile/operations.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import {
  coarseFlag,
  decodeFrame,
  defaultFrameLimits,
  type Frame,
  lastFlag,
} from '../../runtime/protocol/frame.ts';
import { decodeKvRuns, encodeKvRuns } from '../../runtime/protocol/kv-frame.ts';
import { decodeLogits } from '../../runtime/protocol/logits-frame.ts';
import { controlNumbers } from '../../runtime/protocol/messages.ts';
import { decodeSpans, encodeSpans } from '../../runtime/protocol/spans-frame.ts';
import { decodeStep, encodeStep } from '../../runtime/protocol/step-frame.ts';
import { decodeTile, encodeTile, portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import { FrameOpener, FrameSealer } from '../../runtime/secure/sealed-frames.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { attaching, pairing, rejoining, secret, session, tileKey } from './handshake-sample.ts';

const document = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');

interface Example {
  readonly frame: Uint8Array;
  readonly shown: Record<string, unknown> & { readonly type: string };
}

/** Every block of hex digits of the document, with the JSON that follows it. */
const examples: Example[] = [...document.matchAll(/```hex\n([^`]*)```\n```json\n([^`]*)```/g)].map(
  ([, hex, json]) => ({
    frame: Uint8Array.from(Buffer.from(hex!.replaceAll(/\s/g, ''), 'hex')),
    shown: JSON.parse(json!) as Example['shown'],
  }),
);

/** What a frame says, as the document writes it, and the frame that this is encoded to again. */
function read(frame: Frame, shown: Example['shown']): { says: object; again?: Uint8Array } {
  const { id: stepId, index: syncIndex, rows: tokens } = frame;
  switch (frame.type) {
    case 'control': {
      const message = decodeControl(frame);
      return { says: message, again: encodeControl(message) };
    }
    case 'tile': {
      const tile = decodeTile(frame, portableSha256);
      return { says: { type: 'tile', configurationId: tokens, ...tile }, again: encodeTile(tokens, tile) };
    }
    case 'step': {
      const hiddenSize = shown.hiddenSize as number;
      const embedded = (shown.embeddings as number[]).length > 0;
      const bounds = { hiddenSize, maxStepTokens: 4, maxSequences: 4, contextLength: 10, embedded };
      const { header, embeddings } = decodeStep(frame, bounds);
      return {
        says: { type: 'step', hiddenSize, header, embeddings },
        again: encodeStep(header, embeddings),
      };
    }
    case 'logits': {
      const vocabSize = shown.vocabSize as number;
      const last = frame.flags === lastFlag;
      const runs = decodeLogits(frame, vocabSize).map(({ firstVocabularyRow, bytes }) => ({
        firstVocabularyRow,
        values: new Float32Array(bytes.slice().buffer),
      }));
      return { says: { type: 'logits', stepId, row: tokens, last, vocabSize, runs } };
    }
    case 'spans': {
      const spans = decodeSpans(frame);
      const last = frame.flags === lastFlag;
      const [again] = encodeSpans(stepId, [spans]);
      return { says: { type: 'spans', stepId, thread: syncIndex, last, ...spans }, again: again! };
    }
    case 'residual': {
      const { first } = shown as unknown as Residual;
      const values = new Float32Array((shown.values as number[]).length);
      const residual = { layer: syncIndex, first, tokens: tokens - first * 65536, rows: [values] };
      takeResidual(residual, frame);
      const { rows: _, ...tells } = residual;
      return {
        says: { type: 'residual', stepId, ...tells, values },
        again: encodeResidual(stepId, residual),
      };
    }
    case 'kv': {
      const run = decodeKvRuns(frame);
      return { says: { type: 'kv', stepId, ...run }, again: encodeKvRuns(stepId, run) };
    }
    default: {
      const planes = referenceCodec.allocatePlanes((shown.fine as number[]).length);
      replacePlanes(planes, frame, referenceCodec);
      expect(planes.coarseUsed).toBe(frame.flags === coarseFlag);
      const first = shown.first as number;
      const point = { stepId, syncIndex, first, tokens: tokens - first * 65536 };
      return {
        says: { type: frame.type, ...point, ...planes },
        again: encodePlanes(frame.type, point, planes, referenceCodec),
      };
    }
  }
}

/** JSON as the document writes it: bytes in hex digits, other arrays of numbers as lists. */
function plain(value: object): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) => {
      if (item instanceof Uint8Array) return Buffer.from(item).toString('hex');
      if (item instanceof Float32Array || item instanceof Int32Array) return [...item];
      return item;
    }),
  );
}

describe('docs/PROTOCOL.md', () => {
  it('has an example of every frame and every control message', () => {
    const types = new Set(examples.map(({ shown }) => shown.type));
    expect(types).toEqual(
      new Set([
        ...Object.keys(controlNumbers),
        'sealed',
        'tile',
        'step',
        'partial',
        'sum',
        'residual',
        'logits',
        'spans',
        'kv',
      ]),
    );
    expect(document.match(/```hex/g)).toHaveLength(examples.length);
  });

  it.each(
    examples
      .filter(({ shown }) => shown.type !== 'sealed')
      .map((example, i) => [i + 1, example.shown.type, example] as const),
  )('example %i, %s, says what stands under it', (_, __, { frame, shown }) => {
    const { says, again } = read(decodeFrame(frame, defaultFrameLimits), shown);
    expect(plain(says)).toEqual(shown);
    if (again) expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(frame).toString('hex'));
  });

  it('shows handshakes of the keys that it names', () => {
    const bytes = (shown: Example['shown'], field: string) =>
      Uint8Array.from(Buffer.from(shown[field] as string, 'hex'));
    const said = (...types: string[]) =>
      examples
        .filter(({ shown }) => types.includes(shown.type))
        .map(({ shown }) => bytes(shown, 'handshake'));
    expect(said('pair', 'confirm')).toEqual([0, 2].map((i) => pairing().messages[i]));
    expect(said('rejoin')).toEqual([rejoining().messages[0]]);
    expect(said('attach')).toEqual([attaching().messages[0]]);
    const answers = [pairing(), rejoining(), attaching()].map(({ messages }) => messages[1]);
    expect(said('answer')).toEqual(answers);
    const welcome = examples.find(({ shown }) => shown.type === 'welcome')!.shown;
    expect([bytes(welcome, 'session'), bytes(welcome, 'tileKey')]).toEqual([session, tileKey]);
    for (const byte of ['c0', 'ce', 'd0', 'de']) expect(document).toContain(`| 32 times ${byte} |`);
    expect(document).toContain(`\`${secret}\``);
  });

  it('shows the frame that it seals', () => {
    const { frame, shown } = examples.find((example) => example.shown.type === 'sealed')!;
    const plain = Uint8Array.from(Buffer.from(shown.frame as string, 'hex'));
    expect(new FrameSealer(pairing().initiator.sending).seal(plain)).toEqual(frame);
    expect(new FrameOpener(pairing().responder.receiving).open(frame)).toEqual(plain);
  });

  it('counts on a list of all operations', () => {
    const profile = readFileSync(new URL('../../docs/profile.md', import.meta.url), 'utf8');
    const listed = [...profile.matchAll(/^\| (\d+) \| ([^|]+) \| (?:devices|coordinator|all) \|/gm)];
    expect(listed.map(([, number, label]) => ({ number: Number(number), label }))).toEqual(
      Object.values(operations),
    );
  });

  it('lists every control message with its number', () => {
    const listed = [...document.matchAll(/^\| (\d+) \| (\w+) \| (?:to agent|to coordinator|both) \|$/gm)];
    expect(Object.fromEntries(listed.map(([, number, name]) => [name, Number(number)]))).toEqual(
      controlNumbers,
    );
  });
});
