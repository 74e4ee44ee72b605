import { HearthError } from '../../runtime/error.ts';

/** What a user asks for: files of a repository on the hub, or a file by its URL. */
export type Reference =
  | { readonly kind: 'hub'; readonly repo: string; readonly file?: string; readonly quant?: string }
  | { readonly kind: 'url'; readonly url: URL };

const usage = 'it must be hf:USER/REPO, hf:USER/REPO:QUANT, hf:USER/REPO/FILE.gguf or an https:// URL';
const segment = String.raw`[\w-][\w.-]*`;
const hubForm = new RegExp(
  String.raw`^hf:(?<repo>${segment}/${segment})(?::(?<quant>${segment})|/(?<file>.+\.gguf))?$`,
);
/** A file's page on the hub, or its download link, as it is copied from a browser. */
const pageForm = new RegExp(
  String.raw`^/(?<repo>${segment}/${segment})/(?:blob|resolve)/main/(?<file>.+\.gguf)$`,
);

export function isReference(text: string): boolean {
  return /^(hf|https?):/i.test(text);
}

/**
 * @param endpoint where the hub is
 * @throws HearthError USAGE
 */
export function parseReference(text: string, endpoint: URL): Reference {
  if (text.startsWith('hf:')) return hubReference(hubForm.exec(text)) ?? wrong(text, usage);
  if (!URL.canParse(text)) return wrong(text, usage);
  const url = new URL(text);
  if (url.protocol === 'http:')
    return wrong(text, 'plain HTTP can be read and changed on the way: use https://');
  if (url.protocol !== 'https:') return wrong(text, usage);
  if (url.username !== '' || url.password !== '') return wrong(url.host, 'it must be without a password');
  const page = url.origin === endpoint.origin ? pageForm.exec(decodedPath(url)) : null;
  return hubReference(page) ?? { kind: 'url', url };
}

/** The hub's address: `HF_ENDPOINT`, which may be a mirror and then, by the user's choice, plain HTTP. @throws HearthError USAGE */
export function hubEndpoint(setting: string | undefined): URL {
  const text = setting || 'https://huggingface.co';
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new HearthError('USAGE', `HF_ENDPOINT must be an http:// or https:// URL, not "${text}"`);
}

/** Percent-decoded; as it is where that is impossible. */
export function decodedPath({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

function hubReference(match: RegExpExecArray | null): Reference | undefined {
  if (!match) return undefined;
  const { repo, quant, file } = match.groups!;
  if (file?.split('/').some((part) => part === '' || part === '.' || part === '..')) return undefined;
  return { kind: 'hub', repo: repo!, ...(quant && { quant }), ...(file && { file }) };
}

function wrong(text: string, problem: string): never {
  throw new HearthError('USAGE', `"${text}" cannot be pulled: ${problem}`);
}
