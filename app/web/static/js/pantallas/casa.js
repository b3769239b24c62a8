/** The house: every device as a live tile, by rooms; scenes, search, filters. */
import { get } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { fill, h, icono, setText } from '../dom.js';
import { Ficha } from '../elementos/ficha.js';
import { idioma, t } from '../i18n.js';
import { nameOf, parametersOf, switches } from '../medidas.js';

/** @typedef {import('../casa.js').Dispositivo} Dispositivo */

/** @type {[string, (d: Dispositivo) => boolean][]} */
const FILTROS = [
  ['todo', () => true],
  ['encendidos', (d) => switches(d) && d.estado === 'activo'],
  ['sin_senal', (d) => d.conectividad?.estado === 'fuera' || d.conectividad?.estado === 'dudoso'],
  ['pendientes', (d) => Object.keys(d.deriva ?? {}).length > 0],
];
const CHISPAS_MS = 300_000;
const ORDEN = new Intl.Collator(idioma);

/** @param {HTMLElement} donde @returns {() => void} */
export function show(donde) {
  const vista = new Vista(donde);
  return () => vista.close();
}

class Vista {
  /** @param {HTMLElement} donde */
  constructor(donde) {
    /** @type {Map<number, Ficha>} */
    this.fichas = new Map();
    this.filtro = FILTROS[0];
    /** @type {Record<string, string>} */
    this.dibujado = {};
    /** @type {Set<number>} */
    this.vistos = new Set();
    /** @type {Set<number>} */
    this.cambiados = new Set();
    this.salas = h('div', { class: 'salas', 'aria-busy': 'true' });
    this.escenas = h('div', { class: 'escenas', role: 'group', 'aria-label': t('escenas') });
    this.sueltos = h('span');
    this.nuevos = h('a', { class: 'nuevos', href: '#/anadir', hidden: true }, this.sueltos, icono('adelante'));
    this.resumen = h('p', { class: 'resumen' });
    this.busca = h('input', { type: 'search', placeholder: t('buscar'), 'aria-label': t('buscar'), oninput: () => this.draw() });
    this.botones = FILTROS.map((f) => h('button', { class: 'pastilla', 'aria-pressed': String(f === this.filtro), onclick: () => this.choose(f) }, t(`filtro.${f[0]}`)));
    this.filtros = h('div', { class: 'filtros', role: 'search' }, h('label', { class: 'busca' }, icono('lupa'), this.busca), this.botones);
    this.anadir = h('a', { class: 'boton redondo', href: '#/anadir', hidden: true, 'aria-label': t('anadir_dispositivo') }, icono('anadir'));
    fill(donde,
      h('div', { class: 'titulo' }, h('h1', null, t('casa')), this.resumen, this.anadir),
      this.nuevos, this.escenas,
      this.filtros,
      this.salas);
    this.quitar = [
      casa.on('lista', () => this.draw()),
      casa.on('dispositivo', (d) => this.mark(d)),
      casa.on('tic', () => this.fichas.forEach((f) => f.age())),
    ];
    if (casa.lista) this.draw();
    else fill(this.salas, h('div', { class: 'rejilla', 'aria-hidden': 'true' }, Array.from({ length: 6 }, () => h('div', { class: 'hueco' }))));
    this.reloj = setInterval(() => void this.sparkle(), CHISPAS_MS);
  }

  close() {
    this.quitar.forEach((q) => q());
    clearInterval(this.reloj);
  }

  /** Many changes of one moment are drawn as one. @param {Dispositivo} d */
  mark(d) {
    if (!this.cambiados.size) requestAnimationFrame(() => this.paint());
    this.cambiados.add(d.id);
  }

  paint() {
    for (const id of this.cambiados) {
      const d = casa.dispositivos.get(id);
      const ficha = this.fichas.get(id);
      if (d && ficha) ficha.dispositivo = d;
    }
    const otros = [...this.cambiados].some((id) => this.fits(casa.dispositivos.get(id)) !== this.vistos.has(id));
    this.cambiados.clear();
    if (otros) this.draw();
    else this.sum();
  }

  /** @param {typeof FILTROS[0]} filtro */
  choose(filtro) {
    this.filtro = filtro;
    this.botones.forEach((b, i) => b.setAttribute('aria-pressed', String(FILTROS[i] === filtro)));
    this.draw();
  }

  /** Whether it is among what was asked for. @param {Dispositivo | undefined} d @returns {boolean} */
  fits(d) {
    if (!d?.reclamado || !this.filtro[1](d)) return false;
    const busca = plain(this.busca.value.trim());
    return !busca || plain(`${nameOf(d)} ${casa.roomOf(d)} ${d.serial_number} ${d.descripcion}`).includes(busca);
  }

  /** What is to be seen now, in rooms. @returns {[string, Dispositivo[]][]} */
  rooms() {
    const suyos = [...casa.dispositivos.values()].filter((d) => this.fits(d)).sort((a, b) => ORDEN.compare(nameOf(a), nameOf(b)));
    this.vistos = new Set(suyos.map((d) => d.id));
    /** @type {[string, Dispositivo[]][]} */
    const salas = casa.habitaciones.map((r) => [r.nombre, suyos.filter((d) => d.habitacion_id === r.id)]);
    const con = new Set(casa.habitaciones.map((r) => r.id));
    salas.push([salas.length ? t('sin_habitacion') : t('dispositivos'), suyos.filter((d) => !con.has(d.habitacion_id ?? -1))]);
    return salas.filter(([, ds]) => ds.length);
  }

  draw() {
    if (!casa.lista) return;
    const salas = this.rooms();
    this.salas.removeAttribute('aria-busy');
    if (this.isNew('salas', [salas.map(([nombre, ds]) => [nombre, ds.map((d) => d.id)]), this.filtro[0], casa.dispositivos.size])) this.place(salas);
    this.anadir.hidden = !casa.may('gestionar');
    const sueltos = [...casa.dispositivos.values()].filter((d) => !d.reclamado).length;
    this.nuevos.hidden = !sueltos || !casa.may('gestionar');
    setText(this.sueltos, t('hay_nuevos', { n: sueltos }));
    if (this.isNew('escenas', [casa.escenas, casa.may('controlar')])) fill(this.escenas, casa.escenas.map((e) => h('button', { class: 'pastilla', onclick: () => this.apply(e), '.disabled': !casa.may('controlar') }, icono('escena'), e.nombre)));
    this.sum();
    if (!this.conChispas && salas.length) {
      this.conChispas = true;
      setTimeout(() => void this.sparkle(), 400);
    }
  }

  /** Whether a part looks another way than when it was last drawn. @param {string} parte @param {any} aspecto */
  isNew(parte, aspecto) {
    const clave = JSON.stringify(aspecto);
    const otro = this.dibujado[parte] !== clave;
    this.dibujado[parte] = clave;
    return otro;
  }

  /** @param {[string, Dispositivo[]][]} salas */
  place(salas) {
    const foco = document.activeElement; // a tile that is moved loses it
    fill(this.salas, salas.length ? salas.map(([nombre, ds]) => h('section', { 'aria-label': nombre }, h('h2', null, nombre),
      h('div', { class: 'rejilla' }, ds.map((d) => this.tile(d))))) : this.nothing());
    if (foco instanceof HTMLElement && this.salas.contains(foco)) foco.focus({ preventScroll: true });
  }

  sum() {
    const ds = [...casa.dispositivos.values()].filter((d) => d.reclamado);
    const encendidos = ds.filter(FILTROS[1][1]).length;
    const fuera = ds.filter((d) => d.conectividad?.estado === 'fuera').length;
    this.filtros.hidden = !ds.length;
    setText(this.resumen, [ds.some(switches) && t('n_encendidos', { n: encendidos }), fuera ? t('n_fuera', { n: fuera }) : ''].filter(Boolean).join(' · '));
  }

  /** @param {Dispositivo} d */
  tile(d) {
    let ficha = this.fichas.get(d.id);
    if (!ficha) {
      ficha = new Ficha();
      this.fichas.set(d.id, ficha);
      ficha.connectedCallback();
    }
    ficha.dispositivo = d;
    return ficha;
  }

  nothing() {
    const hay = [...casa.dispositivos.values()].some((d) => d.reclamado);
    return h('div', { class: 'vacio' }, icono(hay ? 'lupa' : 'casa'), h('h2', null, t(hay ? 'nada_asi' : 'casa_vacia')), h('p', null, t(hay ? 'nada_asi_que' : 'casa_vacia_que')),
      !hay && casa.may('gestionar') && h('a', { class: 'boton', href: '#/anadir' }, t('anadir_dispositivo')));
  }

  /** @param {import('../casa.js').Escena} escena */
  async apply(escena) {
    const hecha = await attempt(casa.applyScene(escena.id));
    if (hecha) say(t('escena_pedida', { nombre: escena.nombre }));
  }

  /** The last hour of each sensor; one question for each kind of value, of at most 50 devices. */
  async sparkle() {
    /** @type {Map<string, number[]>} */
    const grupos = new Map();
    for (const id of this.fichas.keys()) {
      const d = casa.dispositivos.get(id);
      const p = d && !switches(d) && parametersOf(d)[0];
      if (p && typeof d.parametros[p] === 'number') grupos.set(p, [...(grupos.get(p) ?? []), id]);
    }
    for (const [p, ids] of grupos) for (let i = 0; i < ids.length; i += 50) await this.sparkleSome(p, ids.slice(i, i + 50));
  }

  /** @param {string} parametro @param {number[]} ids */
  async sparkleSome(parametro, ids) {
    const desde = new Date(Date.now() - 3_600_000).toISOString();
    const dicho = await get(`historial?dispositivos=${ids}&parametros=${encodeURIComponent(parametro)}&desde=${desde}&puntos=40`).catch(() => null);
    for (const serie of dicho?.series ?? []) {
      const valores = serie.datos.map((/** @type {any} */ p) => p.media ?? p.valor).filter((/** @type {any} */ v) => typeof v === 'number');
      const ficha = this.fichas.get(serie.dispositivo_id);
      if (ficha && valores.length > 1) ficha.serie = valores;
    }
  }
}

/** Without accents or capitals, for searching. @param {string} texto */
function plain(texto) {
  return texto.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '');
}
