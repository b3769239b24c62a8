/** `<iot-grafica>`: a device's numbers over time. Touch, mouse and keys; the same data as a table. Drawn by trazo.js. */
import { get } from '../api.js';
import { casa } from '../casa.js';
import { fill, h, setAttr, setText, svg } from '../dom.js';
import { date, num, sorry, t } from '../i18n.js';
import { MEDIDAS, parameterName, valueText } from '../medidas.js';
import { DAY, area, band, extent, line, middle, points, runs, timeTicks, valueTicks } from './trazo.js';

/** @typedef {import('./trazo.js').Punto} Punto */
/** @typedef {{parametro: string, puntos: Punto[], crudo: boolean}} Serie */

/** @type {[string, number][]} */
const RANGES = [['dia', DAY], ['semana', 7 * DAY], ['mes', 30 * DAY], ['ano', 365 * DAY], ['dos_anos', 730 * DAY]];
const LEAST = 10 * 60_000;
const MOST = 3653 * DAY;
const [HIGH, LEFT, BOTTOM, TOP] = [180, 44, 24, 10];
const POINTS = 300;

export class Grafica extends HTMLElement {
  constructor() {
    super();
    this.id_ = 0;
    /** @type {string[]} */
    this.todos = [];
    /** @type {Set<string>} */
    this.vistos = new Set();
    this.ancho = DAY;
    /** @type {number | null} the end, ms; null follows the present */
    this.fin = null;
    /** @type {Serie[]} */
    this.series = [];
    this.dedo = new Map();
    this.cursor = NaN;
    /** @type {Punto | undefined} where the keys are */
    this.elegido = undefined;
    this.enTabla = false;
    this.turno = 0;
    this.arriba = h('div', { class: 'mandos' });
    this.abajo = h('div', { class: 'tira-botones' });
    this.lienzos = h('div', { class: 'lienzos' });
    this.lectura = h('p', { class: 'lectura', 'aria-live': 'polite' });
    this.listen();
  }

  /** @param {number} id @param {string[]} parametros of numbers; the first is shown */
  show(id, parametros) {
    this.id_ = id;
    this.todos = parametros;
    this.vistos = new Set(parametros.slice(0, 1));
    this.controls();
    void this.load();
  }

  connectedCallback() {
    this.quitar = casa.on('tic', () => this.fin === null && !document.hidden && void this.load());
    this.medida = new ResizeObserver(() => this.draw());
    this.medida.observe(this);
  }

  disconnectedCallback() {
    this.quitar?.();
    this.medida?.disconnect();
  }

  /** Where an instant is drawn; what began before is cut at the edge. @param {number} ms */
  x(ms) {
    return LEFT + Math.max(0, 1 - (this.hasta - ms) / this.ancho) * (this.clientWidth - LEFT);
  }

  get hasta() {
    return this.fin ?? Date.now();
  }

  controls() {
    const pastilla = (/** @type {string} */ texto, /** @type {boolean} */ puesta, /** @type {() => void} */ onclick) => h('button', { class: 'pastilla', 'aria-pressed': String(puesta), onclick }, texto);
    const boton = (/** @type {string} */ clave, /** @type {string} */ signo, /** @type {() => void} */ onclick) => h('button', { class: 'pastilla', 'aria-label': t(`grafica.${clave}`), onclick }, signo);
    if (!this.firstChild) this.append(this.arriba, this.lectura, this.lienzos, this.abajo);
    fill(this.arriba,
      h('div', { class: 'tira-botones', role: 'group', 'aria-label': t('grafica.tramo') }, RANGES.map(([clave, ms]) => pastilla(t(`grafica.${clave}`), this.fin === null && this.ancho === ms, () => this.move(ms, null)))),
      this.todos.length > 1 && h('div', { class: 'tira-botones', role: 'group', 'aria-label': t('grafica.que') }, this.todos.map((p) => pastilla(parameterName(p), this.vistos.has(p), () => this.choose(p)))));
    fill(this.abajo, boton('antes', '‹', () => this.pan(-0.5)), boton('despues', '›', () => this.pan(0.5)), boton('acercar', '+', () => this.zoom(0.5)), boton('alejar', '−', () => this.zoom(2)),
      pastilla(t('grafica.tabla'), this.enTabla, () => ((this.enTabla = !this.enTabla), this.controls(), this.draw())));
  }

  /** @param {string} p */
  choose(p) {
    if (this.vistos.has(p)) this.vistos.delete(p);
    else this.vistos.add(p);
    if (!this.vistos.size) this.vistos.add(p);
    this.controls();
    void this.load();
  }

  /** @param {number} ancho @param {number | null} fin */
  move(ancho, fin) {
    const pulsado = this.contains(document.activeElement) ? document.activeElement?.textContent : null;
    this.ancho = Math.min(MOST, Math.max(LEAST, ancho));
    this.fin = fin !== null && fin >= Date.now() ? null : fin;
    this.controls();
    const otra = [...this.querySelectorAll('button')].find((b) => b.textContent === pulsado);
    if (pulsado) otra?.focus();
    this.draw();
    setAttr(this.lienzos, 'aria-busy', true);
    clearTimeout(this.espera);
    this.espera = setTimeout(() => void this.load(), 120);
  }

  /** @param {number} cuanto of what is seen */
  pan(cuanto) {
    this.move(this.ancho, this.hasta + cuanto * this.ancho);
  }

  /** @param {number} factor @param {number} [donde] 0 to 1 of what is seen, stays where it is */
  zoom(factor, donde = this.fin === null ? 1 : 0.5) {
    const ancho = Math.min(MOST, Math.max(LEAST, this.ancho * factor));
    const quieto = this.hasta - this.ancho * (1 - donde);
    this.move(ancho, donde === 1 && this.fin === null ? null : quieto + ancho * (1 - donde));
  }

  async load() {
    const mio = ++this.turno;
    const consulta = new URLSearchParams({ dispositivos: String(this.id_), parametros: [...this.vistos].join(), puntos: String(POINTS), desde: new Date(this.hasta - this.ancho).toISOString(), hasta: new Date(this.hasta).toISOString() });
    try {
      const dicho = await get(`historial?${consulta}`);
      if (mio !== this.turno) return;
      this.series = dicho.series.filter((/** @type {any} */ s) => s.tipo === 'numero').map((/** @type {any} */ s) => ({ parametro: s.parametro, puntos: points(s), crudo: s.crudo }));
      this.draw();
    } catch (error) {
      if (mio === this.turno) setText(this.lectura, sorry(error));
    }
    if (mio === this.turno) setAttr(this.lienzos, 'aria-busy', false);
  }

  /** What has the same unit shares an axis. */
  draw() {
    if (!this.clientWidth) return;
    if (this.enTabla) return fill(this.lienzos, this.table());
    /** @type {Map<string, Serie[]>} */
    const ejes = new Map();
    for (const s of this.series) {
      const unidad = MEDIDAS[s.parametro]?.unidad || s.parametro;
      ejes.set(unidad, [...(ejes.get(unidad) ?? []), s]);
    }
    const foco = this.lienzos.contains(document.activeElement);
    fill(this.lienzos, ejes.size ? [...ejes.values()].map((series) => this.plot(series)) : h('p', { class: 'vacio' }, t('grafica.nada')));
    if (foco) /** @type {any} */ (this.lienzos.querySelector('svg'))?.focus();
    this.point(this.cursor);
  }

  /** @param {Serie[]} series */
  plot(series) {
    const ancho = this.clientWidth;
    const [desde, hasta] = [this.hasta - this.ancho, this.hasta];
    const barras = series.every((s) => s.puntos.some((p) => p.sube !== null) && !s.crudo);
    const [min, max] = barras ? [0, Math.max(...series.flatMap((s) => s.puntos.map((p) => p.sube ?? 0))) * 1.06 || 1] : extent(series.map((s) => s.puntos));
    const x = (/** @type {number} */ ms) => this.x(ms);
    const y = (/** @type {number} */ v) => TOP + (1 - (v - min) / (max - min)) * (HIGH - TOP - BOTTOM);
    const suelo = HIGH - BOTTOM;
    const lienzo = svg('svg', { viewBox: `0 0 ${ancho} ${HIGH}`, width: ancho, height: HIGH, tabindex: 0, role: 'group', 'aria-label': `${series.map((s) => parameterName(s.parametro)).join(', ')}. ${t('grafica.teclas')}` },
      ...valueTicks(min, max, 4).flatMap((v) => [svg('path', { class: 'regla', d: `M${LEFT} ${y(v).toFixed(1)}H${ancho}` }), label(LEFT - 6, y(v) + 4, num(v), 'end')]),
      ...timeTicks(desde, hasta, Math.min(6, Math.floor(ancho / 64))).map((m) => label(Math.min(x(m.t), ancho - 22), HIGH - 6, m.texto, 'middle')),
      ...series.flatMap((s, i) => (barras ? bars(s, i, x, y, suelo) : curve(s, i, x, y, suelo))),
      svg('path', { class: 'cruz' }));
    return h('figure', null, h('figcaption', null, series.map((s, i) => h('span', { class: `clave serie${i % 4}` }, `${parameterName(s.parametro)}${MEDIDAS[s.parametro]?.unidad ? ` (${MEDIDAS[s.parametro].unidad})` : ''}`))), lienzo);
  }

  /** What fingers, mouse and keys do. It is the frame that hears them: what is drawn in it is another at each move. */
  listen() {
    const { lienzos } = this;
    const at = (/** @type {PointerEvent | WheelEvent} */ e) => Math.min(1, Math.max(0, (e.clientX - lienzos.getBoundingClientRect().left - LEFT) / (this.clientWidth - LEFT)));
    const hear = (/** @type {string} */ que, /** @type {(e: any) => void} */ hacer) => lienzos.addEventListener(que, (e) => this.enTabla || hacer(e), { passive: false });
    const read = (/** @type {PointerEvent} */ e) => this.point(this.hasta - this.ancho * (1 - at(e)));
    hear('pointerdown', (e) => {
      this.dedo.set(e.pointerId, e.clientX);
      lienzos.setPointerCapture(e.pointerId);
      if (this.dedo.size === 1) read(e);
    });
    for (const fin of ['pointerup', 'pointercancel']) hear(fin, (e) => this.dedo.delete(e.pointerId));
    hear('pointermove', (e) => {
      const antes = this.dedo.get(e.pointerId);
      const otro = [...this.dedo].find(([id]) => id !== e.pointerId)?.[1];
      if (antes !== undefined && otro !== undefined) this.zoom(Math.abs(antes - otro) / Math.max(12, Math.abs(e.clientX - otro)), at(e));
      else if (antes !== undefined && e.pointerType === 'mouse' && e.clientX !== antes) this.pan((antes - e.clientX) / (this.clientWidth - LEFT));
      else read(e);
      if (antes !== undefined) this.dedo.set(e.pointerId, e.clientX);
    });
    hear('wheel', (e) => (e.ctrlKey || e.shiftKey) && (e.preventDefault(), this.zoom(e.deltaY > 0 || e.deltaX > 0 ? 1.25 : 0.8, at(e))));
    hear('keydown', (e) => this.key(e));
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const puntos = this.series[0]?.puntos.filter((p) => p.v !== null) ?? [];
    const aqui = this.elegido && puntos.includes(this.elegido) ? puntos.indexOf(this.elegido) : nearest(puntos, this.cursor);
    const salto = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e6, End: 1e6 }[e.key];
    if (salto && puntos.length) {
      const p = puntos[aqui < 0 ? puntos.length - 1 : Math.min(puntos.length - 1, Math.max(0, aqui + salto))];
      this.point(middle(p), p);
    } else if (e.key === '+' || e.key === '-') this.zoom(e.key === '+' ? 0.5 : 2);
    else return;
    e.preventDefault();
  }

  /** The crosshair: what there was nearest to an instant, or just that, where several are of one moment. @param {number} ms @param {Punto} [exacto] */
  point(ms, exacto) {
    this.cursor = ms;
    this.elegido = exacto;
    const dichos = this.series.map((s) => [s, exacto && s.puntos.includes(exacto) ? exacto : s.puntos[nearest(s.puntos.filter(known), ms, s.puntos)]]).filter(([, p]) => p);
    const p = /** @type {Punto | undefined} */ (dichos[0]?.[1]);
    for (const lienzo of this.lienzos.querySelectorAll('svg')) lienzo.querySelector('.cruz')?.setAttribute('d', p ? `M${this.x(middle(p)).toFixed(1)} ${TOP}V${HIGH - BOTTOM}` : '');
    setAttr(this.lectura, 'data-lee', Boolean(p));
    setText(this.lectura, p ? `${span(p, this.ancho)} · ${dichos.map(([s, q]) => reading(/** @type {Serie} */ (s), /** @type {Punto} */ (q))).join(' · ')}` : t('grafica.toca'));
  }

  table() {
    const tiempos = [...new Set(this.series.flatMap((s) => s.puntos.filter(known).map((p) => p.t)))].sort((a, b) => b - a);
    const donde = this.series.map((s) => new Map(s.puntos.map((p) => [p.t, p])));
    return h('div', { class: 'tabla', tabindex: 0, role: 'region', 'aria-label': t('grafica.tabla') }, h('table', null, h('thead', null, h('tr', null, h('th', null, t('grafica.cuando')), this.series.map((s) => h('th', null, parameterName(s.parametro))))),
      h('tbody', null, tiempos.map((ms) => h('tr', null, h('th', { scope: 'row' }, span(/** @type {Punto} */ (donde.map((m) => m.get(ms)).find(Boolean)), this.ancho)), this.series.map((s, i) => {
        const p = donde[i].get(ms);
        return h('td', null, p && known(p) ? reading(s, p) : '—');
      }))))));
  }
}
customElements.define('iot-grafica', Grafica);

/** @param {Punto} p */
const known = (p) => p.v !== null || p.sube !== null;

/** The index, in `todos`, of the one nearest to an instant; -1 when there is none. @param {Punto[]} puntos @param {number} ms @param {Punto[]} [todos] */
function nearest(puntos, ms, todos = puntos) {
  if (!puntos.length || Number.isNaN(ms)) return -1;
  return todos.indexOf(puntos.reduce((a, b) => (Math.abs(middle(b) - ms) < Math.abs(middle(a) - ms) ? b : a)));
}

/** @param {Punto} p @param {number} ancho */
const span = (p, ancho) => date(new Date(p.t), ancho > 60 * DAY ? { day: 'numeric', month: 'short', year: 'numeric' } : { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** @param {Serie} s @param {Punto} p */
function reading(s, p) {
  if (p.sube !== null) return `+${valueText(s.parametro, p.sube)}`;
  const [v, min, max] = [p.v, p.min, p.max].map((n) => (n === null ? '' : valueText(s.parametro, n)));
  return p.min !== null && p.min !== p.max ? `${v} (${min} – ${max})` : v;
}

/** @param {number} x @param {number} y @param {string} texto @param {string} ancla */
function label(x, y, texto, ancla) {
  const el = svg('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': ancla });
  el.textContent = texto;
  return el;
}

/** @param {Serie} s @param {number} i @param {(v: number) => number} x @param {(v: number) => number} y @param {number} suelo */
function curve(s, i, x, y, suelo) {
  return runs(s.puntos).flatMap((tramo) => [
    svg('path', { class: `suelo serie${i % 4}`, d: s.crudo ? area(tramo, x, y, suelo) : band(tramo, x, y) }),
    svg('path', { class: `linea serie${i % 4}`, d: line(tramo, x, y) })]);
}

/** @param {Serie} s @param {number} i @param {(v: number) => number} x @param {(v: number) => number} y @param {number} suelo */
function bars(s, i, x, y, suelo) {
  return s.puntos.filter((p) => p.sube).map((p) => svg('path', { class: `barra serie${i % 4}`, d: `M${(x(p.t) + 1).toFixed(1)} ${suelo}V${y(p.sube ?? 0).toFixed(1)}H${Math.max(x(p.t) + 2, x(p.fin) - 1).toFixed(1)}V${suelo}Z` }));
}
