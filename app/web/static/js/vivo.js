/** One stream per browser: a shared worker keeps it; where there is none, one tab leads and tells the others. */
import { Flujo } from './flujo.js';

/** @typedef {import('./flujo.js').Mensaje} Mensaje */
/** @typedef {(orden: 'despertar' | 'olvidar' | 'todo' | 'adios') => void} Mando */

const LEASE_MS = 5_000;
const BEAT_MS = 2_000;

/** Begin to hear; every message is told. @param {(m: Mensaje) => void} tell @returns {Mando} */
export function listen(tell) {
  const mando = 'SharedWorker' in window ? byWorker(tell) : byLeader(tell);
  addEventListener('online', () => mando('despertar'));
  document.addEventListener('visibilitychange', () => document.hidden || mando('despertar'));
  addEventListener('pageshow', (e) => e.persisted && (mando('despertar'), mando('todo')));
  return mando;
}

/** @param {(m: Mensaje) => void} tell @returns {Mando} */
function byWorker(tell) {
  const base = new URL('.', document.baseURI).href;
  const obrero = new SharedWorker(new URL('./obrero.js', import.meta.url), { type: 'module', name: base });
  obrero.port.onmessage = (e) => tell(e.data);
  const mando = (/** @type {string} */ orden) => obrero.port.postMessage(orden);
  setInterval(() => mando('aqui'), 30_000);
  addEventListener('pagehide', () => mando('adios'));
  return mando;
}

/** @param {(m: Mensaje) => void} tell @returns {Mando} */
function byLeader(tell) {
  const canal = new BroadcastChannel('iot-vivo');
  const yo = `${Date.now()}-${Math.random()}`;
  /** @type {Flujo | null} */
  let flujo = null;
  const both = (/** @type {Mensaje} */ m) => (canal.postMessage({ m }), tell(m));
  const obey = (/** @type {string} */ orden) => {
    if (orden === 'despertar') flujo?.wake();
    if (orden === 'olvidar') flujo?.open(true);
    if (orden === 'todo' && flujo) both(flujo.all());
  };
  const beat = () => {
    const [quien, cuando] = (localStorage.getItem('iot-guia') ?? '').split(' ');
    if (quien === yo || Date.now() - Number(cuando || 0) > LEASE_MS) {
      localStorage.setItem('iot-guia', `${yo} ${Date.now()}`);
      flujo ??= new Flujo(new URL('.', document.baseURI).href, both);
    } else if (flujo) {
      flujo.fuente?.close(); // another tab led while this one slept
      location.reload();
    }
  };
  canal.onmessage = (e) => (e.data.m ? tell(e.data.m) : obey(e.data.orden));
  addEventListener('pagehide', () => flujo && localStorage.removeItem('iot-guia'));
  setInterval(beat, BEAT_MS);
  beat();
  const mando = (/** @type {string} */ orden) => (flujo ? obey(orden) : canal.postMessage({ orden }));
  mando('todo');
  return mando;
}
