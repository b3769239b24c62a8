/** The page without the house: its shell and files are kept, what the house says never is. Served from `static/`, for all of the page. */
const CAJA = 'iot-pagina';
const RAIZ = new URL('../', self.location.href).href;
const sw = /** @type {any} */ (self);

sw.addEventListener('install', (/** @type {any} */ e) => {
  e.waitUntil(caches.open(CAJA).then((caja) => caja.add(RAIZ)).then(() => sw.skipWaiting()));
});
sw.addEventListener('activate', (/** @type {any} */ e) => e.waitUntil(sw.clients.claim()));
sw.addEventListener('fetch', (/** @type {any} */ e) => {
  const url = e.request.url.split('#')[0];
  if (e.request.method !== 'GET') return;
  if (url === RAIZ) e.respondWith(shell(e.request));
  else if (url.startsWith(`${RAIZ}static/v-`)) e.respondWith(file(e.request));
});

/** The newest shell there is. @param {Request} pedido */
async function shell(pedido) {
  const caja = await caches.open(CAJA);
  try {
    const fresca = await fetch(pedido);
    if (fresca.ok) await caja.put(RAIZ, fresca.clone());
    return fresca;
  } catch {
    return (await caja.match(RAIZ)) ?? Response.error();
  }
}

/** Files of a version never change; those of other versions are let go. @param {Request} pedido */
async function file(pedido) {
  const caja = await caches.open(CAJA);
  const tenida = await caja.match(pedido);
  if (tenida) return tenida;
  const fresca = await fetch(pedido);
  if (fresca.ok) {
    const version = /static\/v-[^/]+\//.exec(pedido.url)?.[0] ?? '';
    for (const otra of await caja.keys()) if (otra.url !== RAIZ && !otra.url.includes(version)) await caja.delete(otra);
    await caja.put(pedido, fresca.clone());
  }
  return fresca;
}
