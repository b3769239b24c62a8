/** `<iot-semana>`: a week of 24 hours a row, to be painted with a finger, a mouse or keys. Tells `cambio` and `editar` (detail: which window). */
import { fill, h, setAttr, setText } from '../dom.js';
import { t } from '../i18n.js';
import { DAYS, DAY_MIN, SNAP, clock, dayName, isPlain, lasts, minutes, pieces, words } from '../horario.js';

/** @typedef {import('../horario.js').Franja} Franja */
/** @typedef {import('../horario.js').Pieza} Pieza */
/** @typedef {{dia: number, franja: number, donde: 'nueva' | 'todo' | 'inicio' | 'fin', x: number, ancho: number, antes: Franja, movida: boolean}} Arrastre */

export class Semana extends HTMLElement {
  constructor() {
    super();
    /** @type {Franja[]} */
    this.franjas = [];
    /** @type {import('../horario.js').Sol} */
    this.sol = null;
    this.elegida = -1;
    this.fija = false;
    /** @type {Arrastre | null} */
    this.arrastre = null;
    this.globo = h('p', { class: 'globo', role: 'status' });
    this.filas = h('div', { class: 'filas' });
  }

  /** @param {Franja[]} franjas @param {import('../horario.js').Sol} sol @param {boolean} fija whether it is only to be looked at */
  show(franjas, sol, fija) {
    Object.assign(this, { franjas, sol, fija });
    if (!this.firstChild) this.append(this.globo, this.filas, h('div', { class: 'eje', 'aria-hidden': 'true' }, [0, 6, 12, 18, 24].map((x) => h('span', null, String(x)))));
    this.draw();
  }

  draw() {
    const foco = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.pieza;
    const todas = pieces(this.franjas, this.sol);
    fill(this.filas, DAYS.map((_, dia) => {
      const pista = h('div', { class: 'pista', 'data-dia': dia, onpointerdown: (/** @type {PointerEvent} */ e) => this.press(e, dia) }, this.suns(), todas.filter((p) => p.dia === dia).map((p) => this.piece(p)));
      return h('div', { class: 'dia', role: 'group', 'aria-label': dayName(dia) }, h('span', { 'aria-hidden': 'true' }, dayName(dia, 'short')), pista,
        !this.fija && h('button', { class: 'solo-voz foco', onclick: () => this.add(dia, 8 * 60) }, t('horario.anadir_en', { dia: dayName(dia) })));
    }));
    const elegida = this.franjas[this.elegida];
    setAttr(this.globo, 'data-lee', Boolean(elegida));
    setText(this.globo, elegida ? words(elegida) : t(this.fija ? 'horario.solo_mirar' : 'horario.pinta'));
    if (foco) /** @type {HTMLElement | null} */ (this.filas.querySelector(`[data-pieza="${foco}"]`))?.focus();
  }

  suns() {
    return Object.values(this.sol ?? {}).map((m) => place(h('i', { class: 'sol' }), m, m));
  }

  /** @param {Pieza} p */
  piece(p) {
    const f = this.franjas[p.franja];
    const suya = p.franja === this.elegida;
    const asa = (/** @type {'inicio' | 'fin'} */ donde) => h('b', { class: `asa ${donde}`, 'data-donde': donde });
    return place(h('button', { class: ['pieza', (this.fija || !isPlain(f)) && 'quieta', suya && 'elegida', p.sigue && 'sigue', p.hasta === DAY_MIN && lasts(f, this.sol) > DAY_MIN - p.desde && 'corta'], 'data-pieza': `${p.franja}-${p.dia}`, 'data-franja': p.franja, 'aria-label': `${words(f)}. ${this.fija ? '' : t('horario.teclas')}`, 'aria-pressed': String(suya),
      onfocus: () => this.choose(p.franja), onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e, p.franja), onclick: (/** @type {MouseEvent} */ e) => e.detail === 0 && this.edit(p.franja) },
    suya && !this.fija && isPlain(f) && [!p.sigue && asa('inicio'), asa('fin')]), p.desde, p.hasta);
  }

  /** @param {number} franja */
  choose(franja) {
    if (this.elegida === franja) return;
    this.elegida = franja;
    this.draw();
  }

  /** @param {number} franja */
  edit(franja) {
    if (!this.fija) this.dispatchEvent(new CustomEvent('editar', { detail: franja }));
  }

  /** @param {number} dia @param {number} desde */
  add(dia, desde) {
    this.franjas.push({ dias: [dia], inicio: clock(desde), fin: clock(desde + 60), resto: {} });
    this.elegida = this.franjas.length - 1;
    this.changed();
    this.edit(this.elegida);
  }

  changed() {
    this.draw();
    this.dispatchEvent(new CustomEvent('cambio'));
  }

  /** @param {KeyboardEvent} e @param {number} franja */
  key(e, franja) {
    const f = this.franjas[franja];
    const paso = { ArrowLeft: -SNAP, ArrowRight: SNAP }[e.key] ?? 0;
    if (this.fija || !f) return;
    if (e.key === 'Delete' || e.key === 'Backspace') this.franjas.splice(franja, 1);
    else if (paso && isPlain(f)) this.shift(f, f, e.shiftKey ? 'fin' : e.altKey ? 'inicio' : 'todo', paso);
    else return;
    e.preventDefault();
    this.changed();
  }

  /** Move a window, or one of its ends: never shorter than a snap, nor longer than a day less one. @param {Franja} f @param {Franja} antes @param {'todo' | 'inicio' | 'fin'} donde @param {number} cuanto minutes */
  shift(f, antes, donde, cuanto) {
    const [inicio, dura] = [minutes(antes.inicio, null), lasts(antes, null)];
    const desde = donde === 'fin' ? inicio : inicio + (donde === 'inicio' ? Math.min(cuanto, dura - SNAP) : cuanto);
    const largo = donde === 'todo' ? dura : dura + (donde === 'fin' ? cuanto : inicio - desde);
    Object.assign(f, { inicio: clock(desde), fin: clock(desde + Math.min(DAY_MIN - SNAP, Math.max(SNAP, largo))) });
  }

  /** @param {PointerEvent} e @param {number} dia */
  press(e, dia) {
    if (this.fija || e.button) return;
    const pista = /** @type {HTMLElement} */ (e.currentTarget);
    const blanco = /** @type {HTMLElement} */ (e.target);
    const pieza = /** @type {HTMLElement | null} */ (blanco.closest('.pieza'));
    const [x, minuto] = [e.clientX, this.minute(pista, e.clientX)];
    const franja = pieza ? Number(pieza.dataset.franja) : this.franjas.length;
    if (pieza && !isPlain(this.franjas[franja])) return follow(() => {}, () => this.edit(franja)); // of the sun: only its form changes it
    const nueva = { dias: [dia], inicio: clock(minuto), fin: clock(minuto + SNAP), resto: {} };
    const donde = /** @type {any} */ (blanco.dataset.donde) ?? (pieza ? 'todo' : 'nueva');
    this.arrastre = { dia, franja, donde, x, ancho: pista.clientWidth, antes: pieza ? { ...this.franjas[franja] } : nueva, movida: false };
    follow((m) => this.drag(m), () => this.drop(minuto), () => this.undo());
  }

  /** Rows are drawn anew while this goes on. @param {PointerEvent} e */
  drag(e) {
    const a = this.arrastre;
    if (!a || (!a.movida && Math.abs(e.clientX - a.x) < 6)) return;
    if (!a.movida && a.donde === 'nueva') this.franjas.push({ ...a.antes });
    a.movida = true;
    this.elegida = a.franja;
    const cuanto = Math.round(((e.clientX - a.x) / a.ancho) * (DAY_MIN / SNAP)) * SNAP;
    const f = this.franjas[a.franja];
    if (a.donde !== 'nueva') this.shift(f, a.antes, a.donde, cuanto);
    else if (cuanto >= 0) this.shift(f, a.antes, 'fin', Math.max(0, cuanto - SNAP));
    else this.shift(f, { ...a.antes, fin: a.antes.inicio, inicio: clock(minutes(a.antes.inicio, null) - SNAP) }, 'inicio', cuanto + SNAP);
    this.draw();
  }

  /** The finger was scrolling: what it drew on its way is taken back. */
  undo() {
    const a = this.arrastre;
    this.arrastre = null;
    if (!a?.movida) return;
    if (a.donde === 'nueva') this.franjas.splice(a.franja, 1);
    else Object.assign(this.franjas[a.franja], a.antes);
    this.draw();
  }

  /** A touch without a drag chooses, or makes a window of an hour. @param {number} minuto */
  drop(minuto) {
    const a = this.arrastre;
    this.arrastre = null;
    if (!a) return;
    if (a.movida) this.changed();
    else if (a.donde === 'nueva') this.add(a.dia, Math.floor(minuto / 60) * 60);
    else if (a.franja === this.elegida) this.edit(a.franja);
    else this.choose(a.franja);
  }

  /** @param {HTMLElement} pista @param {number} x */
  minute(pista, x) {
    const caja = pista.getBoundingClientRect();
    return Math.min(DAY_MIN - SNAP, Math.max(0, Math.round(((x - caja.left) / caja.width) * (DAY_MIN / SNAP)) * SNAP));
  }
}
customElements.define('iot-semana', Semana);

/** A finger until it is lifted, or taken back by the browser to scroll. @param {(e: PointerEvent) => void} move @param {() => void} up @param {() => void} [cancel] */
function follow(move, up, cancel) {
  const fin = new AbortController();
  const { signal } = fin;
  addEventListener('pointermove', move, { signal });
  addEventListener('pointerup', () => (fin.abort(), up()), { signal });
  addEventListener('pointercancel', () => (fin.abort(), cancel?.()), { signal });
}

/** @template {HTMLElement} T @param {T} el @param {number} desde @param {number} hasta */
function place(el, desde, hasta) {
  el.style.left = `${(desde / DAY_MIN) * 100}%`;
  el.style.width = `${((hasta - desde) / DAY_MIN) * 100}%`;
  return el;
}
