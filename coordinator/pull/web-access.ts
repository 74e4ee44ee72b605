import { hubEndpoint } from './reference.ts';
import { WebClient } from './web-client.ts';

/** How this user reaches models: which hub, as whom. */
export interface WebAccess {
  readonly client: WebClient;
  readonly endpoint: URL;
}

/** As the environment says: `HF_ENDPOINT`, `HF_TOKEN`, and proxies. @throws HearthError USAGE */
export function webAccess({ HF_ENDPOINT, HF_TOKEN } = process.env): WebAccess {
  const endpoint = hubEndpoint(HF_ENDPOINT);
  const credentials = HF_TOKEN ? { origin: endpoint.origin, token: HF_TOKEN } : undefined;
  return { endpoint, client: new WebClient({ credentials }) };
}
