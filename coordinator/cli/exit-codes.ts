import { type ErrorCode, HearthError } from '../../runtime/error.ts';

/** What a shell script can tell a failure by. docs/cli.md lists the same table. */
export const exitCodes = {
  ok: 0,
  internal: 1,
  usage: 2,
  file: 3,
  model: 4,
  network: 5,
  cluster: 6,
  memory: 7,
  interrupted: 130,
} as const;

const prefixes: readonly [prefix: string, code: number][] = [
  ['FILE_', exitCodes.file],
  ['GGUF_', exitCodes.model],
  ['MODEL_', exitCodes.model],
  ['TOKENIZER_', exitCodes.model],
  ['TEMPLATE_', exitCodes.model],
  ['PULL_', exitCodes.network],
  ['FRAME_', exitCodes.network],
  ['PROTOCOL_', exitCodes.network],
  ['JOIN_', exitCodes.network],
  ['HANDSHAKE_', exitCodes.network],
  ['SESSION_', exitCodes.network],
  ['COORDINATOR_', exitCodes.network],
  ['DEVICE_NOT_PAIRED', exitCodes.network],
  ['LISTEN_', exitCodes.network],
  ['MEMORY_', exitCodes.memory],
  ['REQUEST_CANCELLED', exitCodes.interrupted],
  ['REQUEST_', exitCodes.usage],
  ['CONTEXT_', exitCodes.usage],
  ['FIXED_POINT_', exitCodes.model],
  ['LINK_', exitCodes.network],
  ['SERVER_', exitCodes.network],
  ['CACHE_WRITE_', exitCodes.file],
  ['CACHE_', exitCodes.cluster],
  ['USAGE', exitCodes.usage],
  ['PLAN_BAD_SPLIT', exitCodes.usage],
  ['PLAN_', exitCodes.cluster],
  ['DEVICE_', exitCodes.cluster],
  ['THREAD_', exitCodes.cluster],
  ['TILE_', exitCodes.cluster],
];

export function exitCodeFor(error: unknown): number {
  if (!(error instanceof HearthError)) return exitCodes.internal;
  const code: ErrorCode = error.code;
  return prefixes.find(([prefix]) => code.startsWith(prefix))?.[1] ?? exitCodes.internal;
}
