/** `<iot-tira>`: when something was on during the last day or week, and in words for how long and how often. */
import { get } from '../api.js';
import { fill, h, svg } from '../dom.js';
import { date, num, sorry, t } from '../i18n.js';
import { parameterName } from '../medidas.js';
import { DAY, timeTicks } from './trazo.js';

const HIGH = 28;

export class Tira extends HTMLElement {
  /** @param {number} id @param {string[]} parametros of yes and no; `estado` is the device's own */
  async show(id, parametros) {
    this.id_ = id;
    this.parametros = parametros;
    this.dias ??= 1;
    const [desde, hasta] = [Date.now() - this.dias * DAY, Date.now()];
    try {
      const dicho = await get(`historial?dispositivos=${id}&parametros=${parametros}&desde=${new Date(desde).toISOString()}&hasta=${new Date(hasta).toISOString()}&puntos=600`);
      const series = dicho.series.filter((/** @type {any} */ s) => s.tipo === 'logico');
      fill(this, h('div', { class: 'tira-botones', role: 'group', 'aria-label': t('grafica.tramo') }, [1, 7, 30].map((d) => h('button', { class: 'pastilla', 'aria-pressed': String(d === this.dias), onclick: () => this.choose(d) }, t(`grafica.${{ 1: 'dia', 7: 'semana', 30: 'mes' }[d]}`)))),
        series.length ? series.map((/** @type {any} */ s) => this.strip(s, desde, hasta)) : h('p', { class: 'suave' }, t('grafica.nada')));
    } catch (error) {
      fill(this, h('p', { class: 'mal' }, sorry(error)));
    }
  }

  /** @param {number} dias */
  async choose(dias) {
    this.dias = dias;
    await this.show(this.id_ ?? 0, this.parametros ?? []);
    /** @type {HTMLElement | null} */ (this.querySelector('[aria-pressed="true"]'))?.focus();
  }

  /** @param {any} serie @param {number} desde @param {number} hasta */
  strip(serie, desde, hasta) {
    const trozos = serie.crudo ? raw(serie.datos, hasta) : serie.datos.map(bucket);
    const activo = trozos.reduce((/** @type {number} */ s, /** @type {Trozo} */ p) => s + (p.hasta - Math.max(p.desde, desde)) * p.parte, 0);
    const cambios = serie.crudo ? serie.datos.filter((/** @type {any} */ d, /** @type {number} */ i) => i && d.valor !== serie.datos[i - 1].valor).length : serie.datos.reduce((/** @type {number} */ s, /** @type {any} */ d) => s + d.cambios, 0);
    const x = (/** @type {number} */ ms) => Math.min(1000, Math.max(0, ((ms - desde) / (hasta - desde)) * 1000));
    const nombre = serie.parametro === 'estado' ? t('encendido') : parameterName(serie.parametro);
    const dice = t('tira.dice', { tiempo: duration(activo), n: cambios });
    return h('figure', null, h('figcaption', null, `${nombre}: ${dice}`),
      svg('svg', { viewBox: `0 0 1000 ${HIGH}`, preserveAspectRatio: 'none', class: 'tira', role: 'img', 'aria-label': `${nombre}. ${dice}` },
        ...trozos.filter((/** @type {Trozo} */ p) => p.parte > 0).map((/** @type {Trozo} */ p) => svg('rect', { x: x(p.desde).toFixed(1), width: Math.max(1, x(p.hasta) - x(p.desde)).toFixed(1), y: (HIGH * (1 - p.parte)).toFixed(1), height: (HIGH * p.parte).toFixed(1) }))),
      h('p', { class: 'horas', 'aria-hidden': 'true' }, h('span', null, timeTicks(desde, hasta, 3)[0]?.texto ?? ''), h('span', null, date(new Date(hasta), { hour: '2-digit', minute: '2-digit' }))));
  }
}
customElements.define('iot-tira', Tira);

/** @typedef {{desde: number, hasta: number, parte: number}} Trozo a stretch, ms, and how much of it was on, 0 to 1 */

/** Each report holds until the next, for a day at most. @param {any[]} datos @param {number} hasta @returns {Trozo[]} */
function raw(datos, hasta) {
  return datos.map((d, i) => {
    const desde = Date.parse(d.instante);
    return { desde, hasta: Math.min(i + 1 < datos.length ? Date.parse(datos[i + 1].instante) : hasta, desde + DAY), parte: d.valor ? 1 : 0 };
  });
}

/** @param {any} d @param {number} i @param {any[]} datos @returns {Trozo} */
function bucket(d, i, datos) {
  const desde = Date.parse(d.inicio);
  const dura = datos.length > 1 ? Date.parse(datos[1].inicio) - Date.parse(datos[0].inicio) : 1000 * (d.conocido_s || 1);
  return { desde, hasta: desde + dura, parte: Math.min(1, (1000 * (d.activo_s ?? 0)) / dura) };
}

/** A stretch of time in words. @param {number} ms @returns {string} */
export function duration(ms) {
  const min = Math.round(ms / 60_000);
  if (min < 60) return t('dura.min', { n: min });
  return t('dura.h', { n: num(Math.floor(min / 60)), m: min % 60 });
}
