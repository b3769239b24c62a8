/** `<iot-ficha>`: a device's tile. It draws once, and afterwards changes only what is another. */
import { casa } from '../casa.js';
import { h, icono, setAttr, setText, svg } from '../dom.js';
import { ago, t, when } from '../i18n.js';
import { iconOf, isMute, judgement, nameOf, parameterName, parametersOf, power, switches, value, valueText } from '../medidas.js';
import { Interruptor } from './interruptor.js';

/** @typedef {import('../casa.js').Dispositivo} Dispositivo */

const FRESH_MS = 90_000; // younger than this, an age says nothing

export class Ficha extends HTMLElement {
  constructor() {
    super();
    this.nombre = h('a', { class: 'nombre' });
    this.lugar = h('p', { class: 'lugar' });
    this.valor = h('p', { class: 'valor' });
    this.resto = h('p', { class: 'resto' });
    this.linea = svg('polyline', { class: 'linea' });
    this.chispa = svg('svg', { class: 'chispa', viewBox: '0 0 120 32', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, this.linea);
    this.estado = h('p', { class: 'dice' });
    this.mando = new Interruptor();
    this.dibujo = '';
  }

  connectedCallback() {
    if (!this.firstChild) this.append(h('div', { class: 'cabeza' }, h('span', { class: 'marca' }), h('div', null, this.nombre, this.lugar)),
      this.valor, this.resto, this.chispa, h('div', { class: 'pie' }, this.estado, this.mando));
  }

  /** @param {Dispositivo} d */
  set dispositivo(d) {
    this.d = d;
    this.drawHead(d);
    const [primero, ...otros] = parametersOf(d);
    const conMando = switches(d);
    const { texto, unidad } = primero === undefined ? { texto: '', unidad: '' } : value(primero, d.parametros[primero]);
    if (this.valor.dataset.v !== texto + unidad) {
      this.valor.dataset.v = texto + unidad;
      setAttr(this.valor, 'data-palabra', typeof d.parametros[primero] !== 'number');
      this.valor.replaceChildren(texto, ...(unidad ? [h('small', null, ` ${unidad}`)] : []));
    }
    const juicio = primero === undefined ? '' : judgement(primero, d.parametros[primero]) || (isMute(primero) && parameterName(primero));
    const demas = otros.slice(0, 2).map((p) => `${isMute(p) ? `${parameterName(p)} ` : ''}${valueText(p, d.parametros[p])}`);
    setText(this.resto, [juicio, ...demas].filter(Boolean).join(' · '));
    this.mando.hidden = !conMando;
    if (conMando) this.mando.dispositivo = d;
    this.age();
  }

  /** @param {Dispositivo} d */
  drawHead(d) {
    setText(this.nombre, nameOf(d));
    setAttr(this.nombre, 'href', `#/dispositivo/${d.id}`);
    setText(this.lugar, casa.roomOf(d));
    const dibujo = iconOf(d);
    if (dibujo !== this.dibujo) this.querySelector('.marca')?.replaceChildren(icono(dibujo));
    this.dibujo = dibujo;
  }

  /** What it says of itself in words, and how it looks; told again as time goes by. */
  age() {
    const d = this.d;
    if (!d) return;
    const { encendido, asunto } = power(d);
    setText(this.estado, stateWords(d));
    setAttr(this, 'data-vida', d.conectividad?.estado ?? 'desconocido');
    setAttr(this, 'data-encendido', switches(d) && encendido);
    setAttr(this, 'data-asunto', asunto || null);
  }

  /** The last hour, as a small line. @param {number[]} valores oldest first */
  set serie(valores) {
    const [min, max] = [Math.min(...valores), Math.max(...valores)];
    const y = (/** @type {number} */ v) => (max === min ? 16 : 29 - ((v - min) / (max - min)) * 26);
    const paso = 120 / Math.max(1, valores.length - 1);
    setAttr(this.linea, 'points', valores.map((v, i) => `${(i * paso).toFixed(1)},${y(v).toFixed(1)}`).join(' '));
  }
}
customElements.define('iot-ficha', Ficha);

/** A device's state in words, as short as a tile. @param {Dispositivo} d @returns {string} */
export function stateWords(d) {
  const { encendido, asunto, querido } = power(d);
  const vida = d.conectividad?.estado;
  if (asunto === 'abierta') return t(vida === 'fuera' ? 'pedido_sin_senal' : querido ? 'encendiendo' : 'apagando');
  if (vida === 'fuera') return t('sin_senal_desde', { cuando: d.visto_en ? when(d.visto_en) : '—' });
  if (asunto) return t(asunto === 'rechazada' ? 'no_lo_hizo' : 'no_contesto');
  if (vida === 'dudoso' && d.visto_en) return t('callado', { hace: ago(d.visto_en) });
  if (switches(d)) return t(encendido ? 'encendido' : 'apagado');
  if (!d.visto_en) return t('nunca_visto');
  return Date.now() - Date.parse(d.visto_en) < FRESH_MS ? t('al_dia') : ago(d.visto_en);
}
