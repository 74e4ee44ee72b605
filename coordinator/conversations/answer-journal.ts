import { closeSync, fdatasync, openSync, writeSync } from 'node:fs';
import { readFile, rm, truncate } from 'node:fs/promises';
import { z } from 'zod';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { defaultSampling, type SamplingParams } from '../../runtime/sampling/params.ts';
import { writing } from '../files/disk.ts';

/** An answer that was begun: all that it takes to go on with it, token by token as it would have been. */
export interface BegunAnswer {
  /** Id of its message. */
  readonly message: string;
  /** Text that was there before the request, which is a part of its prompt. */
  readonly begun: string;
  /** What the model that computes it is called. */
  readonly model: string;
  readonly request: GenerationRequest;
}

/** One that its coordinator did not end. */
export interface JournaledAnswer extends BegunAnswer {
  readonly tokens: readonly number[];
  /** How often it has been taken up since its last token. */
  readonly attempts: number;
}

const format = 'hearth-answer-1';
/** A line for each time that the answer is taken up. */
const takenUp = '+';
/** A line that takes back tokens: so many, as a number behind it, stay. Other lines are tokens. */
const takenBack = '-';
/** At most so long after it came a token is on the disk, which a death of this process does not wait for. */
const syncDelayMs = 500;

const token = z.int().min(0);
const headerSchema = z.strictObject({
  format: z.literal(format),
  message: z.string(),
  begun: z.string(),
  model: z.string(),
  request: z.strictObject({
    prompt: z.array(token),
    sampling: z.strictObject({
      ...Object.fromEntries(Object.keys(defaultSampling).map((name) => [name, z.number()])),
      topLogprobs: z.int().optional(),
      logitBias: z.array(z.tuple([token, z.number()])),
    }),
    stop: z.array(z.string()),
    maxTokens: z.int().optional(),
  }),
});

/**
 * The file of one answer under way, to which lines are added: first what was asked, then the tokens. Each is handed to the
 * system before anybody is told of it, so a process that is killed loses none; a power failure loses at most the last half
 * second, which comes again as it was. A line without an end was being written, and counts for nothing.
 */
export class AnswerJournal {
  readonly #path: string;
  readonly #file: number;
  #syncTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws HearthError FILE_WRITE_FAILED */
  static async begin(path: string, { request, ...begun }: BegunAnswer): Promise<AnswerJournal> {
    const logitBias = [...request.sampling.logitBias];
    const sampling = { ...request.sampling, logitBias };
    const journal = new AnswerJournal(path, await writing(path, opened(path, 'w')));
    journal.#write(JSON.stringify({ format, ...begun, request: { ...request, sampling } }));
    await writing(path, journal.#sync());
    return journal;
  }

  /** Goes on with one that was read. @throws HearthError FILE_WRITE_FAILED */
  static async takeUp(path: string): Promise<AnswerJournal> {
    const text = await writing(path, readFile(path, 'utf8'));
    const sound = `${soundLines(text).join('\n')}\n`;
    await writing(path, truncate(path, Buffer.byteLength(sound)));
    const journal = new AnswerJournal(path, await writing(path, opened(path, 'a')));
    journal.#write(takenUp);
    return journal;
  }

  /** @throws what the disk says */
  append(tokenId: number): void {
    this.#write(`${tokenId}`);
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#sync().catch(() => {});
    }, syncDelayMs);
  }

  /** The tokens from one on were wrong. @throws what the disk says */
  takeBack(from: number): void {
    this.#write(`${takenBack}${from}`);
  }

  /** The answer has ended, and is kept elsewhere. */
  async remove(): Promise<void> {
    clearTimeout(this.#syncTimer);
    if (!this.#closed) closeSync(this.#file);
    this.#closed = true;
    await rm(this.#path, { force: true });
  }

  #write(line: string): void {
    writeSync(this.#file, `${line}\n`);
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#file, (error) => (error ? reject(error) : resolve()));
    });
  }
}

async function opened(path: string, flags: 'a' | 'w'): Promise<number> {
  return openSync(path, flags, 0o600);
}

/** @returns undefined where there is none, or none that could be gone on with */
export async function readJournal(path: string): Promise<JournaledAnswer | undefined> {
  const [head = '', ...marks] = soundLines(await readFile(path, 'utf8').catch(() => ''));
  const header = headerSchema.safeParse(parsed(head));
  if (!header.success) return undefined;
  const { format: _, request, ...begun } = header.data;
  const { maxTokens, ...asked } = request;
  const { logitBias, topLogprobs, ...numbers } = request.sampling;
  // Whoever takes it up checks the numbers, as of any request.
  const sampling = {
    ...(numbers as Omit<SamplingParams, 'logitBias' | 'topLogprobs'>),
    ...(topLogprobs !== undefined && { topLogprobs }),
    logitBias: new Map(logitBias),
  };
  const tokens: number[] = [];
  for (const line of marks) {
    if (line.startsWith(takenBack)) tokens.length = Math.min(tokens.length, Number(line.slice(1)));
    else if (line !== takenUp) tokens.push(Number(line));
  }
  const attempts = marks.length - 1 - marks.findLastIndex((line) => line !== takenUp);
  return { ...begun, request: { ...asked, sampling, ...(maxTokens && { maxTokens }) }, tokens, attempts };
}

/** The header, and all marks up to one that was not written whole. */
function soundLines(text: string): string[] {
  const [head = '', ...lines] = text.split('\n').slice(0, -1);
  const torn = lines.findIndex((line) => line !== takenUp && !/^-?\d+$/.test(line));
  return [head, ...(torn < 0 ? lines : lines.slice(0, torn))];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
