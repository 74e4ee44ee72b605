import type { ApiContext } from './context.ts';
import { type ServedModel, servedModel } from './served-model.ts';

/** GET /v1/models */
export function modelsRoute({ models }: ApiContext): Response {
  return Response.json({ object: 'list', data: models().map(modelObject) });
}

/** GET /v1/models/:id */
export function modelRoute(id: string, { models }: ApiContext): Response {
  return Response.json(modelObject(servedModel(models(), id)));
}

function modelObject({ id, createdSeconds, scheduler }: ServedModel): object {
  const { vocabSize, contextLength } = scheduler.limits;
  // `meta` is llama-server's.
  const meta = { n_vocab: vocabSize, n_ctx: contextLength };
  return { id, object: 'model', created: createdSeconds, owned_by: 'hearth', meta };
}
