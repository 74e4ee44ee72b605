/** Answers that are asked for again and again, so that each can be held against the first. */
export interface Question {
  readonly prompt: string | readonly number[];
  readonly seed: number;
  readonly max_tokens: number;
}

/** Streams one answer. @param onText told of each piece as it comes @returns the text of each event @throws on any error */
export async function streamed(url: string, question: Question, onText: () => void): Promise<string[]> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...question, temperature: 0.8, stream: true }),
    signal: AbortSignal.timeout(600_000),
  });
  if (!response.ok || !response.body) throw new Error(`${response.status}: ${await response.text()}`);
  const pieces: string[] = [];
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop()!;
    for (const event of events) {
      if (!event.startsWith('data: {')) continue;
      const value = JSON.parse(event.slice(6)) as { error?: unknown; choices: [{ text: string }] };
      if (value.error) throw new Error(`the stream broke: ${JSON.stringify(value.error)}`);
      pieces.push(value.choices[0].text);
      onText();
    }
  }
  return pieces;
}
