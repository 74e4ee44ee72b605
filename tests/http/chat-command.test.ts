import { describe, expect, it } from 'vitest';
import { startHttpServer } from '../../coordinator/http/server.ts';
import { type Finished, HearthProcess } from '../support/hearth-process.ts';
import { FakeRunner } from '../generation/fixtures.ts';
import { served } from './fixtures.ts';

/** Asks a coordinator one question as a person does in the terminal. @param notExact why its answers are not exact */
async function chat(notExact: string | undefined, ...options: readonly string[]): Promise<Finished> {
  const { model } = served(new FakeRunner({ contextLength: 64 }));
  const server = await startHttpServer({ models: () => [{ ...model, notExact }], port: 0 });
  try {
    return await new HearthProcess(['chat', '--url', server.url, ...options]).input('Hi\n').finished();
  } finally {
    await server.close();
    await model.scheduler.close();
  }
}

describe('hearth chat --url', () => {
  it('says of an answer why it is not exact', async () => {
    const { code, stdout, stderr } = await chat('neurons were predicted');
    expect(stdout.length).toBeGreaterThan(1);
    expect(stderr).toContain('Not exact: neurons were predicted\n');
    expect(code).toBe(0);
  });

  it('says nothing of one that is', async () => {
    const { code, stdout, stderr } = await chat(undefined, '--exact');
    expect(stdout.length).toBeGreaterThan(1);
    expect(stderr).not.toMatch(/exact/i);
    expect(code).toBe(0);
  });

  it('gets none with --exact where they are not', async () => {
    const { code, stdout, stderr } = await chat('neurons were predicted', '--exact');
    expect(stdout.trim()).toBe('');
    expect(stderr).toContain('answers here are not exact: neurons were predicted');
    expect(code).not.toBe(0);
  });
});
