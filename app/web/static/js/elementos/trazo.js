/** What a chart is drawn from: points, ticks in the house's zone, paths. No elements, no requests. */
import { date, zone } from '../i18n.js';

export const DAY = 86_400_000;
const HOUR = 3_600_000;
/** Steps between ticks of time, ms; from a day on they fall on midnights, from a month on on first days. */
const STEPS = [60_000, 300_000, 900_000, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24];

/** @typedef {{t: number, fin: number, v: number | null, min: number | null, max: number | null, sube: number | null, n: number}} Punto times in ms; `v` null: nothing is known */
/** @typedef {(valor: number) => number} Escala */

/** A series of `/historial` as points, oldest first. @param {any} serie @returns {Punto[]} */
export function points(serie) {
  const datos = /** @type {any[]} */ (serie.datos);
  if (serie.crudo) return datos.map((d) => point(Date.parse(d.instante), Date.parse(d.instante), d.valor, d));
  return datos.map((d, i) => {
    const t = Date.parse(d.inicio);
    const fin = i + 1 < datos.length ? Date.parse(datos[i + 1].inicio) : t + (i ? t - Date.parse(datos[i - 1].inicio) : 0);
    return point(t, fin, d.media, d);
  });
}

/** @param {number} t @param {number} fin @param {any} v @param {any} d @returns {Punto} */
function point(t, fin, v, d) {
  return { t, fin, v: typeof v === 'number' ? v : null, min: d.min ?? null, max: d.max ?? null, sube: d.subida ?? null, n: d.n ?? 1 };
}

/** How far the house's clock is ahead of UTC at an instant, ms. @param {number} ms */
function offset(ms) {
  const partes = new Intl.DateTimeFormat('en', { timeZone: zone(), hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(ms);
  const n = Object.fromEntries(partes.map((p) => [p.type, Number(p.value)]));
  return Date.UTC(n.year, n.month - 1, n.day, n.hour, n.minute, n.second) - Math.floor(ms / 1000) * 1000;
}

/** The instant at which the house's clock shows this (written as if it were UTC). @param {number} local */
function instant(local) {
  const primero = local - offset(local);
  return local - offset(primero);
}

/** At most `max` ticks of time, with their words. @param {number} desde @param {number} hasta @param {number} max @returns {{t: number, texto: string}[]} */
export function timeTicks(desde, hasta, max) {
  const paso = STEPS.find((s) => (hasta - desde) / s <= max);
  const locales = paso ? evenly(desde, hasta, paso) : monthly(desde, hasta, max);
  return locales.map(instant).filter((t) => t >= desde && t <= hasta).map((t) => ({ t, texto: tickText(t, paso) }));
}

/** @param {number} desde @param {number} hasta @param {number} paso */
function evenly(desde, hasta, paso) {
  const primero = Math.ceil((desde + offset(desde)) / paso) * paso;
  return Array.from({ length: Math.floor((hasta + offset(hasta) - primero) / paso) + 1 }, (_, i) => primero + i * paso);
}

/** @param {number} desde @param {number} hasta @param {number} max */
function monthly(desde, hasta, max) {
  const de = new Date(desde + offset(desde));
  const meses = MONTHS.find((m) => (hasta - desde) / (30 * DAY * m) <= max) ?? 60;
  const primero = Math.ceil((de.getUTCFullYear() * 12 + de.getUTCMonth()) / meses) * meses;
  return Array.from({ length: max + 2 }, (_, i) => Date.UTC(1970, primero + i * meses - 1970 * 12, 1));
}

/** @param {number} t @param {number | undefined} paso */
function tickText(t, paso) {
  if (!paso) return date(new Date(t), { month: 'short', year: '2-digit' });
  const medianoche = (t + offset(t)) % DAY === 0;
  return date(new Date(t), paso >= DAY || medianoche ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' });
}

/** Round values between two, at most `max`. @param {number} min @param {number} max @param {number} cuantos @returns {number[]} */
export function valueTicks(min, max, cuantos) {
  const bruto = (max - min || 1) / cuantos;
  const base = 10 ** Math.floor(Math.log10(bruto));
  const paso = base * (/** @type {number} */ ([1, 2, 5, 10].find((m) => m * base >= bruto)));
  const primero = Math.ceil(min / paso) * paso;
  return Array.from({ length: Math.floor((max - primero) / paso + 1e-9) + 1 }, (_, i) => Number((primero + i * paso).toPrecision(12)));
}

/** The least and the greatest of all, with a little air. @param {Punto[][]} series @returns {[number, number]} */
export function extent(series) {
  const valores = series.flat().flatMap((p) => [p.v, p.min, p.max]).filter((v) => v !== null);
  if (!valores.length) return [0, 1];
  const [min, max] = [Math.min(.../** @type {number[]} */ (valores)), Math.max(.../** @type {number[]} */ (valores))];
  const aire = (max - min) * 0.06 || Math.abs(max) * 0.02 || 1;
  return [min - aire, max + aire];
}

/** Runs of points without a gap; raw values are joined unless they are far apart. @param {Punto[]} puntos @returns {Punto[][]} */
export function runs(puntos) {
  const pasos = puntos.slice(1).map((p, i) => p.t - puntos[i].t).sort((a, b) => a - b);
  const lejos = Math.max(4 * (pasos[Math.floor(pasos.length / 2)] ?? 0), 15 * 60_000);
  /** @type {Punto[][]} */
  const tramos = [[]];
  puntos.forEach((p, i) => {
    const ultimo = tramos[tramos.length - 1];
    if (p.v === null) {
      if (ultimo.length) tramos.push([]);
    } else if (ultimo.length && p.t === p.fin && p.t - puntos[i - 1].t > lejos) tramos.push([p]);
    else ultimo.push(p);
  });
  return tramos.filter((r) => r.length);
}

/** Where a point is: a bucket in its middle. @param {Punto} p */
export const middle = (p) => (p.t + p.fin) / 2;

/** The line of a run. @param {Punto[]} tramo @param {Escala} x @param {Escala} y */
export const line = (tramo, x, y) => tramo.map((p, i) => `${i ? 'L' : 'M'}${x(middle(p)).toFixed(1)} ${y(/** @type {number} */ (p.v)).toFixed(1)}`).join('') + (tramo.length === 1 ? 'h.01' : '');

/** What is below the line of a run, down to `suelo`. @param {Punto[]} tramo @param {Escala} x @param {Escala} y @param {number} suelo */
export const area = (tramo, x, y, suelo) => `${line(tramo, x, y)}L${x(middle(tramo[tramo.length - 1])).toFixed(1)} ${suelo}L${x(middle(tramo[0])).toFixed(1)} ${suelo}Z`;

/** From the least to the greatest of each bucket of a run. @param {Punto[]} tramo @param {Escala} x @param {Escala} y */
export function band(tramo, x, y) {
  const con = tramo.filter((p) => p.min !== null && p.max !== null);
  const arriba = con.map((p) => `${x(middle(p)).toFixed(1)} ${y(/** @type {number} */ (p.max)).toFixed(1)}`);
  const abajo = con.map((p) => `${x(middle(p)).toFixed(1)} ${y(/** @type {number} */ (p.min)).toFixed(1)}`).reverse();
  return con.length > 1 ? `M${[...arriba, ...abajo].join('L')}Z` : '';
}
