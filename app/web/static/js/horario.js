/** Schedules as the page edits them: windows of a week, in minutes of a day; sun times; the two shapes that are in use (docs/control-horarios.md). */
import { date, list, t } from './i18n.js';

/** @typedef {{dias: number[], inicio: string, fin: string, resto: Record<string, any>}} Franja days 0 (Monday) to 6; `resto` is what else it says, kept */
/** @typedef {{dia: number, desde: number, hasta: number, franja: number, sigue: boolean}} Pieza of a row, minutes; `sigue`: it began the day before */
/** @typedef {{amanecer: number, atardecer: number} | null} Sol minutes of today, null where nobody said where the house is */

export const DAYS = ['lunes', 'martes', 'miercoles', 'jueves', 'viernes', 'sabado', 'domingo'];
const ENGLISH = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
export const DAY_MIN = 1440;
export const SNAP = 15;

/** A weekday's name; 0 is Monday. @param {number} dia @param {'long' | 'short' | 'narrow'} [largo] */
export const dayName = (dia, largo = 'long') => date(new Date(Date.UTC(2024, 0, 1 + dia, 12)), { weekday: largo });

/** @param {string} nombre @returns {number} -1 when it is none */
function dayIndex(nombre) {
  const llano = nombre.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '');
  return Math.max(DAYS.indexOf(llano), ENGLISH.indexOf(llano));
}

/** @param {any} dias @returns {number[]} */
function daysOf(dias) {
  const lista = Array.isArray(dias) ? dias : dias ? [dias] : ['todos'];
  if (lista.some((d) => ['todos', 'all', 'diario', 'daily'].includes(String(d).toLowerCase()))) return [0, 1, 2, 3, 4, 5, 6];
  return [...new Set(lista.map((d) => dayIndex(String(d))).filter((d) => d >= 0))].sort();
}

/** Windows as the API has them. @param {any} horarios @returns {Franja[]} */
export function read(horarios) {
  if (!Array.isArray(horarios)) return horarios ? fromEvents(horarios) : [];
  return horarios.map(({ dias, inicio, start, fin, end, ...resto }) => ({ dias: daysOf(dias), inicio: inicio ?? start ?? '00:00', fin: fin ?? end ?? '00:00', resto }));
}

/** Back to what the API takes. @param {Franja[]} franjas @returns {any[]} */
export const write = (franjas) => franjas.filter((f) => f.dias.length).map((f) => ({ ...f.resto, dias: f.dias.length === 7 ? ['todos'] : f.dias.map((d) => DAYS[d]), inicio: f.inicio, fin: f.fin }));

/** Whether these are events ("from then on"), which the editor shows as windows. @param {any} horarios */
export const areEvents = (horarios) => Boolean(horarios) && !Array.isArray(horarios);

/** The windows in which events leave something on; what holds at the end of a week holds at its beginning. @param {Record<string, any[]>} eventos @returns {Franja[]} */
function fromEvents(eventos) {
  const puntos = Object.entries(eventos).flatMap(([clave, lista]) => daysOf(clave).flatMap((dia) => lista.map(([hora, que]) => ({ m: dia * DAY_MIN + minutes(hora, null), si: /^(on|activo|true|1)$/i.test(String(que)) }))))
    .sort((a, b) => a.m - b.m);
  /** @type {Franja[]} */
  const franjas = [];
  puntos.forEach((p, i) => {
    if (!p.si) return;
    let fin = puntos.length > 1 ? puntos[(i + 1) % puntos.length].m : p.m;
    if (fin <= p.m) fin += 7 * DAY_MIN;
    for (let m = p.m; m < fin; m = (Math.floor(m / DAY_MIN) + 1) * DAY_MIN)
      franjas.push({ dias: [Math.floor(m / DAY_MIN) % 7], inicio: clock(m), fin: clock(Math.min(fin, (Math.floor(m / DAY_MIN) + 1) * DAY_MIN)), resto: {} });
  });
  return franjas;
}

/** "HH:MM" of a minute of the day. @param {number} m */
export function clock(m) {
  const dia = ((Math.round(m) % DAY_MIN) + DAY_MIN) % DAY_MIN;
  return `${String(Math.floor(dia / 60)).padStart(2, '0')}:${String(dia % 60).padStart(2, '0')}`;
}

/** A time in its parts: what it counts from, and minutes. @param {string} hora @returns {{de: 'hora' | 'amanecer' | 'atardecer', min: number}} */
export function parts(hora) {
  const sol = /^(amanecer|atardecer)\s*(?:([+-])\s*(?:(\d+):(\d\d)|(\d+)))?$/i.exec(hora.trim());
  if (sol) return { de: /** @type {'amanecer' | 'atardecer'} */ (sol[1].toLowerCase()), min: (sol[2] === '-' ? -1 : 1) * (Number(sol[3] ?? 0) * 60 + Number(sol[4] ?? sol[5] ?? 0)) };
  const [h, m] = hora.split(':').map(Number);
  return { de: 'hora', min: (h || 0) * 60 + (m || 0) };
}

/** The minute of the day of a time, today. @param {string} hora @param {Sol} sol */
export function minutes(hora, sol) {
  const { de, min } = parts(hora);
  return de === 'hora' ? min : (sol?.[de] ?? (de === 'amanecer' ? 420 : 1200)) + min;
}

/** Whether both ends are times of the clock, so that a window can be dragged. @param {Franja} f */
export const isPlain = (f) => parts(f.inicio).de === 'hora' && parts(f.fin).de === 'hora';

/** How long a window lasts, minutes: up to 24 h. @param {Franja} f @param {Sol} sol */
export function lasts(f, sol) {
  const dura = minutes(f.fin, sol) - minutes(f.inicio, sol);
  return dura > 0 ? dura : dura + DAY_MIN;
}

/** What is to be drawn in each row; what passes midnight goes on in the next. @param {Franja[]} franjas @param {Sol} sol @returns {Pieza[]} */
export function pieces(franjas, sol) {
  return franjas.flatMap((f, franja) => f.dias.flatMap((dia) => {
    const desde = minutes(f.inicio, sol);
    const hasta = desde + lasts(f, sol);
    const suya = { dia, desde, hasta: Math.min(DAY_MIN, hasta), franja, sigue: false };
    return hasta > DAY_MIN ? [suya, { dia: (dia + 1) % 7, desde: 0, hasta: hasta - DAY_MIN, franja, sigue: true }] : [suya];
  }));
}

/** A time in words. @param {string} hora */
export function timeWords(hora) {
  const { de, min } = parts(hora);
  if (de === 'hora') return clock(min);
  return min ? t(`horario.${de}_${min > 0 ? 'mas' : 'menos'}`, { n: Math.abs(min) }) : t(`horario.${de}`);
}

/** A window in words. @param {Franja} f */
export function words(f) {
  return t('horario.franja', { dias: daysWords(f.dias), inicio: timeWords(f.inicio), fin: timeWords(f.fin) });
}

/** Days in words; three and more in a row, also over Sunday, are told by their ends. @param {number[]} dias in order */
function daysWords(dias) {
  if (dias.length === 7) return t('horario.todos');
  if (dias.join() === '5,6') return t('horario.finde');
  const primero = dias.find((d) => !dias.includes((d + 6) % 7)) ?? 0;
  const seguidos = dias.every((_, i) => dias.includes((primero + i) % 7));
  if (!seguidos || dias.length < 3) return list(dias.map((d) => dayName(d)));
  return t('horario.rango', { de: dayName(primero), a: dayName((primero + dias.length - 1) % 7) });
}

/**
 * Sunrise and sunset of a day, minutes of the house's clock, good to a few minutes (for drawing; the backend decides).
 * Source: the sunrise equation, with the mean anomaly of the Earth. @param {any} lugar @param {number} ahead minutes the house's clock is ahead of UTC @returns {Sol}
 */
export function sun({ latitud, longitud }, ahead) {
  if (latitud === null || longitud === null || latitud === undefined) return null;
  const [rad, sin] = [Math.PI / 180, (/** @type {number} */ g) => Math.sin((g * Math.PI) / 180)];
  const n = Math.ceil(Date.now() / 86_400_000 - 10_957.5) - longitud / 360;
  const m = (357.5291 + 0.98560028 * n) % 360;
  const lambda = (m + 1.9148 * sin(m) + 0.02 * sin(2 * m) + 282.9372) % 360;
  const mediodia = n + 0.0053 * sin(m) - 0.0069 * sin(2 * lambda);
  const declina = Math.asin(sin(lambda) * sin(23.4397));
  const coseno = (sin(-0.833) - sin(latitud) * Math.sin(declina)) / (Math.cos(latitud * rad) * Math.cos(declina));
  if (Math.abs(coseno) > 1) return null;
  const medio = Math.acos(coseno) / (2 * Math.PI);
  const local = (/** @type {number} */ dia) => (((((dia + 0.5) % 1) + 1) % 1) * DAY_MIN + ahead + 2 * DAY_MIN) % DAY_MIN;
  return { amanecer: local(mediodia - medio), atardecer: local(mediodia + medio) };
}
