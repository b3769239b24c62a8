/** The shared worker: one stream for all tabs of this browser. Its name is where the API is. */
import { Flujo } from './flujo.js';

/** @type {Map<MessagePort, number>} when each tab last spoke, ms */
const puertos = new Map();
const flujo = new Flujo(/** @type {any} */ (self).name, (m) => puertos.forEach((_, p) => p.postMessage(m)));
const GONE_MS = 90_000;

/** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ e) => {
  const puerto = e.ports[0];
  puertos.set(puerto, Date.now());
  for (const [p, visto] of puertos) if (Date.now() - visto > GONE_MS) puertos.delete(p);
  puerto.onmessage = (m) => {
    puertos.set(puerto, Date.now());
    if (m.data === 'adios') puertos.delete(puerto);
    if (m.data === 'despertar') flujo.wake();
    if (m.data === 'olvidar') flujo.open(true);
    if (m.data === 'todo') puerto.postMessage(flujo.all());
  };
  puerto.postMessage(flujo.all());
};
