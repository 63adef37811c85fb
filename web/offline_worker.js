// Gives the page's files when the server is away. The server always comes first, so that a new version is seen at once.
'use strict';

const cacheName = 'lathe-page';

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('message', (event) => {
  if (!Array.isArray(event.data)) return;
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(event.data)).catch(() => {}));
});
addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin || !(url.pathname === '/' || /^\/[\w.-]+\.(js|css|svg)$/.test(url.pathname))) return;
  event.respondWith(fromServer(event.request));
});

async function fromServer(request) {
  try {
    const response = await fetch(request);
    if (response.ok) {
      const cache = await caches.open(cacheName);
      await cache.put(new URL(request.url).pathname, response.clone()).catch(() => {});
    }
    return response;
  } catch (error) {
    const kept = await (await caches.open(cacheName)).match(new URL(request.url).pathname);
    if (kept) return kept;
    throw error;
  }
}
