/** What the build knows: the files of the page, and a name for this set of them. */
declare const pageFiles: readonly string[];
declare const pageVersion: string;

/** What of a service worker's world is used here; TypeScript's own types of it exclude those of pages. */
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Worker extends EventTarget {
  readonly location: Location;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}

const worker = globalThis as unknown as Worker;
const prefix = 'hearth-chat-';
const cacheName = prefix + pageVersion;
const home = new URL('./', worker.location.href);

worker.addEventListener('install', (event) => {
  const added = caches.open(cacheName).then((cache) => cache.addAll(['./', ...pageFiles]));
  (event as ExtendableEvent).waitUntil(added.then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (event) => {
  (event as ExtendableEvent).waitUntil(dropOldCaches().then(() => worker.clients.claim()));
});

/** The page's own files alone: all else, the API first of all, passes by as if there were no worker. */
worker.addEventListener('fetch', (event) => {
  const { request, respondWith } = event as FetchEvent;
  const url = new URL(request.url);
  const isOwn = url.origin === home.origin && url.pathname.startsWith(home.pathname);
  if (request.method !== 'GET' || !isOwn) return;
  respondWith.call(event, request.mode === 'navigate' ? newestPage(request) : keptFile(request));
});

async function dropOldCaches(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** The coordinator's page where it answers, so that an update shows at once. */
async function newestPage(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match('./', { cacheName });
    if (kept) return kept;
    throw error;
  }
}

async function keptFile(request: Request): Promise<Response> {
  return (await caches.match(request, { cacheName })) ?? fetch(request);
}
