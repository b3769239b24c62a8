/** What the page knows of the house, kept up to date by the live stream. Screens read it and are told what changed. */
import { get, post, put } from './api.js';
import { setZone } from './i18n.js';
import { listen } from './vivo.js';

/**
 * @typedef {object} Dispositivo as the API gives it
 * @property {number} id @property {string} serial_number @property {string} nombre @property {string} tipo
 * @property {string} modelo @property {string} descripcion @property {string} estado @property {Record<string, any>} parametros
 * @property {Record<string, any>} configuracion @property {boolean} reclamado @property {number} version
 * @property {string} creado_en @property {string} actualizado_en @property {string | null} visto_en
 * @property {Record<string, {deseado: any, reportado: any, desde: string, orden: number, estado_orden: any}>} deriva
 * @property {{estado: string | null, parametros: string | null, configuracion: Record<string, string>}} tiempos
 * @property {{estado: string, ultima_senal: string | null, esperado_cada_s: number | null, motivo: string, desde: string | null}} conectividad
 * @property {number | null} habitacion_id
 */
/** @typedef {{id: number, nombre: string, dispositivos: number[]}} Habitacion */
/** @typedef {{id: number, nombre: string, acciones: any[], aplicada_en: string | null}} Escena */
/** @typedef {{autenticado: boolean, quien: string | null, permiso: string, usuario: any, instalacion_pendiente: boolean}} Quien */
/** @typedef {'dispositivo' | 'lista' | 'conexion' | 'avisos' | 'orden' | 'aviso' | 'regla' | 'casa' | 'yo' | 'tic'} Tema */

const PERMISOS = ['nadie', 'ver', 'controlar', 'gestionar', 'administrar'];

class Casa {
  constructor() {
    /** @type {Map<number, Dispositivo>} */
    this.dispositivos = new Map();
    /** @type {Habitacion[]} */
    this.habitaciones = [];
    /** @type {Escena[]} */
    this.escenas = [];
    /** @type {any} */
    this.datos = { nombre: '', zona: undefined };
    /** @type {Quien} */
    this.yo = { autenticado: false, quien: null, permiso: 'nadie', usuario: null, instalacion_pendiente: false };
    this.avisos = 0; // notices that nobody has seen
    this.conexion = { estado: 'conectando', visto: Date.now() };
    this.lista = false; // whether the devices have come
    /** @type {Map<Tema, Set<(dato: any) => void>>} */
    this.oyentes = new Map();
    /** @type {import('./vivo.js').Mando | null} */
    this.mando = null;
    /** @type {(v?: unknown) => void} */
    this.known = () => {};
    /** When it is known who looks. @type {Promise<unknown>} */
    this.quien = new Promise((listo) => (this.known = listo));
    /** When everything that was first asked for is here. @type {Promise<unknown>} */
    this.lleno = this.quien;
    setInterval(() => this.tell('tic', null), 10_000);
  }

  /** Hear of a topic; gives what ends it. @param {Tema} tema @param {(dato: any) => void} oyente @returns {() => void} */
  on(tema, oyente) {
    const todos = this.oyentes.get(tema) ?? new Set();
    this.oyentes.set(tema, todos.add(oyente));
    return () => void todos.delete(oyente);
  }

  /** @param {Tema} tema @param {any} dato */
  tell(tema, dato) {
    for (const oyente of this.oyentes.get(tema) ?? []) oyente(dato);
  }

  /** Whether who looks may. @param {'ver' | 'controlar' | 'gestionar' | 'administrar'} permiso */
  may(permiso) {
    return PERMISOS.indexOf(this.yo.permiso) >= PERMISOS.indexOf(permiso);
  }

  /** Who looks; then everything they may see, and the stream. */
  start() {
    this.lleno = this.begin();
    return this.lleno;
  }

  async begin() {
    const { dataset } = document.documentElement; // the shell knows who may look: then all is asked at once
    const antes = 've' in dataset && this.fetchAll();
    if (antes) antes.catch(() => {});
    delete dataset.ve;
    this.yo = await get('sesion');
    this.known();
    this.tell('yo', this.yo);
    if (!this.may('ver')) return;
    const [filas, resto] = await (antes || this.fetchAll());
    this.place(resto);
    this.takeAll(filas, false);
    if (this.mando) this.mando('olvidar');
    else this.mando = listen((m) => this.hear(m));
  }

  fetchAll() {
    return Promise.all([get('dispositivos'), this.fetchRest()]);
  }

  /** What does not come by the stream: rooms, scenes, the house, how many notices are new. */
  fetchRest() {
    return Promise.all(['habitaciones', 'escenas', 'casa', 'avisos?estado=nuevo&per_page=1'].map(get));
  }

  /** @param {any[]} resto */
  place([habitaciones, escenas, datos, avisos]) {
    setZone(datos.zona);
    Object.assign(this, { habitaciones, escenas, datos, avisos: avisos.nuevos });
    this.tell('avisos', this.avisos);
    this.tell('casa', datos);
  }

  async refresh() {
    this.place(await this.fetchRest());
    this.tell('lista', null);
  }

  /** @param {any} m */
  hear(m) {
    if (m.tipo === 'dispositivo') this.take(m.fila);
    else if (m.tipo === 'todo') this.hearAll(m);
    else if (m.tipo === 'fuera') this.drop(m.id);
    else if (m.tipo === 'conexion') this.connect(m);
    else if (m.tipo === 'aviso') this.countNotices();
    else if (m.tipo === 'casa') void this.refresh();
    if (['orden', 'aviso', 'regla'].includes(m.tipo)) this.tell(m.tipo, m.datos);
  }

  /** @param {any} m */
  hearAll(m) {
    if (m.listo) this.takeAll(m.filas, true);
    this.connect(m);
  }

  /** @param {{estado: string, visto: number}} m */
  connect(m) {
    const vuelve = this.conexion.estado === 'sin' && m.estado === 'vivo';
    this.conexion = { estado: m.estado, visto: m.visto };
    this.tell('conexion', this.conexion);
    if (vuelve) void this.refresh().catch(() => {});
  }

  /** A device as it is now. @param {Dispositivo} d */
  take(d) {
    const movido = this.keep(d);
    if (movido === undefined) return;
    this.tell('dispositivo', d);
    if (movido) this.tell('lista', null);
    if (movido && d.habitacion_id && !this.roomOf(d)) void this.refresh().catch(() => {}); // a room that is new
  }

  /** Whether the list looks another way with it; undefined when it says nothing new. @param {Dispositivo} d */
  keep(d) {
    const antes = this.dispositivos.get(d.id);
    if (antes && (antes.actualizado_en > d.actualizado_en || JSON.stringify(antes) === JSON.stringify(d))) return undefined;
    this.dispositivos.set(d.id, d);
    return !antes || antes.habitacion_id !== d.habitacion_id || antes.reclamado !== d.reclamado || antes.nombre !== d.nombre;
  }

  /** @param {Dispositivo[]} filas @param {boolean} todas whether others are no more */
  takeAll(filas, todas) {
    const vistos = new Set(filas.map((d) => d.id));
    const nuevas = filas.map((d) => [d, this.keep(d)]).filter(([, movido]) => movido !== undefined);
    const sobran = todas ? [...this.dispositivos.keys()].filter((id) => !vistos.has(id)) : [];
    for (const id of sobran) this.dispositivos.delete(id);
    const otra = !this.lista || sobran.length || nuevas.some(([, movido]) => movido);
    this.lista = true;
    if (otra) this.tell('lista', null);
    for (const [d] of nuevas) this.tell('dispositivo', d);
  }

  /** @param {number} id */
  drop(id) {
    if (this.dispositivos.delete(id)) this.tell('lista', null);
  }

  /** A burst of notices is one question. */
  countNotices() {
    clearTimeout(this.cuenta);
    this.cuenta = setTimeout(async () => {
      this.avisos = (await get('avisos?estado=nuevo&per_page=1')).nuevos;
      this.tell('avisos', this.avisos);
    }, 300);
  }

  /** Ask a device for a change; what it is now comes back, and by the stream. @param {number} id @param {any} cambio @returns {Promise<any>} */
  async change(id, cambio) {
    const d = await put(`dispositivos/${id}`, cambio);
    this.take(d);
    return d;
  }

  /** @param {number} id */
  applyScene(id) {
    return post(`escenas/${id}/aplicar`);
  }

  /** The name of a device's room, or ''. @param {Dispositivo} d */
  roomOf(d) {
    return this.habitaciones.find((r) => r.id === d.habitacion_id)?.nombre ?? '';
  }
}

/** The one house of this page. */
export const casa = new Casa();
