/**
 * The live stream (SSE), as one browser keeps it: an EventSource that is opened again with what was last seen, and the devices
 * as they are now. Runs in the shared worker, or in the tab that leads. Knows no page.
 */

/** @typedef {{id: number, [k: string]: any}} Fila a device as the API gives it */
/** @typedef {{tipo: string, [k: string]: any}} Mensaje what tabs are told */

const SILENCE_MS = 40_000; // the server pings every 15 s
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const SNAPSHOT_MS = 1_500;
const NAMED = ['orden', 'conectividad', 'aviso', 'regla', 'casa'];

export class Flujo {
  /** @param {string} base where the API is @param {(m: Mensaje) => void} tell every message for the tabs */
  constructor(base, tell) {
    this.base = base;
    this.tell = tell;
    /** @type {Map<number, Fila>} */
    this.filas = new Map();
    this.estado = 'conectando';
    this.visto = 0; // ms: when something last came
    this.listo = false; // whether a whole snapshot has come
    this.ultimo = '';
    this.intentos = 0;
    /** @type {EventSource | null} */
    this.fuente = null;
    /** @type {Set<number> | null} */
    this.foto = null;
    this.espera = 0;
    setInterval(() => this.check(), 5_000);
    this.open();
  }

  /** Everything that a tab which comes now has to know. @returns {Mensaje} */
  all() {
    return { tipo: 'todo', filas: [...this.filas.values()], listo: this.listo, ...this.health() };
  }

  health() {
    return { estado: this.estado, visto: this.visto };
  }

  /** Open anew; without memory it begins with how everything is. @param {boolean} [olvidar] */
  open(olvidar = false) {
    clearTimeout(this.espera);
    this.espera = 0;
    this.fuente?.close();
    if (olvidar) this.ultimo = '';
    const consulta = this.ultimo ? `last_event_id=${encodeURIComponent(this.ultimo)}` : 'snapshot=1';
    const fuente = new EventSource(new URL(`stream/dispositivos?${consulta}`, this.base));
    this.fuente = fuente;
    this.foto = this.ultimo ? null : new Set();
    this.visto ||= Date.now();
    this.abierta = Date.now();
    fuente.addEventListener('hello', () => this.onHello());
    fuente.addEventListener('ping', () => this.seen());
    fuente.addEventListener('reset', () => this.open(true));
    fuente.addEventListener('leave', (e) => this.onLeave(e));
    fuente.onmessage = (e) => this.onDevice(e);
    for (const tipo of NAMED) fuente.addEventListener(tipo, (e) => this.onNamed(tipo, e));
    fuente.onerror = () => this.onError(fuente);
  }

  onHello() {
    this.intentos = 0;
    this.seen();
    this.become('vivo');
    if (this.foto) setTimeout(() => this.endSnapshot(), SNAPSHOT_MS);
  }

  /** What was not in the snapshot is no more. */
  endSnapshot() {
    const foto = this.foto;
    if (!foto) return;
    this.foto = null;
    for (const id of [...this.filas.keys()]) if (!foto.has(id)) this.filas.delete(id);
    this.listo = true;
    this.tell(this.all());
  }

  /** @param {MessageEvent} e */
  onDevice(e) {
    this.seen();
    const d = JSON.parse(e.data);
    this.filas.set(d.id, d);
    if (!this.foto) this.tell({ tipo: 'dispositivo', fila: d });
    else {
      this.foto.add(d.id);
      if (e.lastEventId) this.endSnapshot(); // only the last of a snapshot has an id
    }
    this.place(e);
  }

  /** @param {MessageEvent} e */
  onLeave(e) {
    this.seen();
    this.place(e);
    const { id } = JSON.parse(e.data);
    this.filas.delete(id);
    this.tell({ tipo: 'fuera', id });
  }

  /** @param {string} tipo @param {MessageEvent} e */
  onNamed(tipo, e) {
    this.seen();
    this.place(e);
    this.tell({ tipo, datos: JSON.parse(e.data) });
  }

  /** @param {MessageEvent} e */
  place(e) {
    if (e.lastEventId) this.ultimo = e.lastEventId;
  }

  seen() {
    this.visto = Date.now();
    if (this.estado !== 'vivo') this.become('vivo');
  }

  /** @param {EventSource} fuente */
  onError(fuente) {
    if (fuente !== this.fuente || this.espera) return;
    fuente.close();
    this.become(this.intentos ? 'sin' : 'conectando');
    const pausa = RETRY_MS[Math.min(this.intentos++, RETRY_MS.length - 1)];
    this.espera = Number(setTimeout(() => this.open(), pausa * (0.75 + Math.random() / 2)));
  }

  /** A page that slept, or a network that died without a word. */
  check() {
    if (this.espera || Date.now() - Math.max(this.visto, this.abierta ?? 0) < SILENCE_MS) return;
    this.become('sin');
    this.open();
  }

  /** The page woke up: what is still open but silent is not believed for long. */
  wake() {
    if (this.espera || Date.now() - this.visto > 20_000) this.open();
  }

  /** @param {string} estado */
  become(estado) {
    if (this.estado === estado) return;
    this.estado = estado;
    this.tell({ tipo: 'conexion', ...this.health() });
  }
}
