import { z } from 'zod';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import type { ApiContext } from './context.ts';
import { withoutNoOps } from './no-op-fields.ts';
import { servedModel } from './served-model.ts';
import { invalidField, validated } from './validate.ts';

const tokenizeSchema = z.strictObject({
  model: z.string().max(256).optional(),
  content: z.string(),
  add_special: z.boolean().default(false),
  parse_special: z.boolean().default(true),
  with_pieces: z.boolean().default(false),
});

const detokenizeSchema = z.strictObject({
  model: z.string().max(256).optional(),
  tokens: z.array(z.int().min(0)),
});

/** POST /tokenize, as llama-server's */
export async function tokenizeRoute(request: Request, context: ApiContext): Promise<Response> {
  const body = validated(tokenizeSchema, withoutNoOps(await context.bodies.read(request), {}));
  const { tokenizer } = servedModel(context.models(), body.model);
  const ids = tokenizer.encode(body.content, { parseSpecial: body.parse_special, addBos: body.add_special });
  const tokens = body.with_pieces ? ids.map((id) => ({ id, piece: pieceOf(tokenizer, id) })) : ids;
  return Response.json({ tokens });
}

/** POST /detokenize, as llama-server's */
export async function detokenizeRoute(request: Request, context: ApiContext): Promise<Response> {
  const body = validated(detokenizeSchema, withoutNoOps(await context.bodies.read(request), {}));
  const { tokenizer } = servedModel(context.models(), body.model);
  const place = body.tokens.findIndex((token) => token >= tokenizer.size);
  if (place >= 0) throw invalidField(`tokens[${place}]`, `there is no token ${body.tokens[place]}`);
  return Response.json({ content: tokenizer.decode(body.tokens, { special: true }) });
}

/** Its text, or its bytes where they are no whole characters. */
function pieceOf(tokenizer: Tokenizer, id: number): string | number[] {
  const bytes = tokenizer.tokenBytes(id);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return [...bytes];
  }
}
