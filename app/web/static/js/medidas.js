/** What values mean to people: unit, decimals, words; and what a device is, for its icon and whether it switches. */
import { has, num, t } from './i18n.js';

/** @typedef {import('./casa.js').Dispositivo} Dispositivo */
/** @typedef {{unidad: string, decimales: number, icono?: string, muda?: boolean}} Medida `muda`: its unit does not say what it is */

/** The parameters that we know, the most telling first. @type {Record<string, Medida>} */
export const MEDIDAS = {
  humo_detectado: { unidad: '', decimales: 0, icono: 'humo' },
  temperatura: { unidad: '°C', decimales: 1, icono: 'temperatura' },
  co2_ppm: { unidad: 'ppm', decimales: 0, icono: 'aire' },
  consumo_w: { unidad: 'W', decimales: 0, icono: 'enchufe' },
  movimiento: { unidad: '', decimales: 0, icono: 'movimiento' },
  luz_lux: { unidad: 'lx', decimales: 0, icono: 'sol' },
  db: { unidad: 'dB', decimales: 0, icono: 'ruido' },
  humedad: { unidad: '%', decimales: 0, icono: 'humedad' },
  velocidad: { unidad: '', decimales: 0, icono: 'ventilador', muda: true },
  energia_kwh: { unidad: 'kWh', decimales: 2, icono: 'enchufe' },
  bateria: { unidad: '%', decimales: 0, muda: true },
  posicion: { unidad: '%', decimales: 0, icono: 'persiana', muda: true },
  stream_activo: { unidad: '', decimales: 0, icono: 'camara' },
  alertas_movimiento: { unidad: '', decimales: 0, muda: true },
};
const ORDEN = Object.keys(MEDIDAS);

/** A parameter's name for people; one that we don't know is made readable. @param {string} p @returns {string} */
export function parameterName(p) {
  if (has(`medida.${p}`)) return t(`medida.${p}`);
  const llano = p.replace(/[_-]+/g, ' ').trim();
  return llano.charAt(0).toUpperCase() + llano.slice(1);
}

/** A value as text and unit apart. @param {string} p @param {any} v @returns {{texto: string, unidad: string}} */
export function value(p, v) {
  if (typeof v === 'boolean') return { texto: t(has(`medida.${p}.${v}`) ? `medida.${p}.${v}` : v ? 'si' : 'no'), unidad: '' };
  if (typeof v !== 'number') return { texto: v === null ? '—' : typeof v === 'object' ? JSON.stringify(v) : String(v), unidad: '' };
  if (p === 'consumo_w' && Math.abs(v) >= 1000) return { texto: num(v / 1000, 2), unidad: 'kW' };
  const medida = MEDIDAS[p];
  return medida ? { texto: num(v, medida.decimales), unidad: medida.unidad } : { texto: num(v), unidad: '' };
}

/** The same as one text, "23,1 °C". @param {string} p @param {any} v */
export function valueText(p, v) {
  const { texto, unidad } = value(p, v);
  return unidad ? `${texto} ${unidad}` : texto;
}

/** Whether a value needs its name beside it to be understood. @param {string} p */
export const isMute = (p) => MEDIDAS[p]?.muda ?? !(p in MEDIDAS);

/** What a value deserves to be called, if it does: good, fair or poor air. @param {string} p @param {any} v @returns {string} */
export function judgement(p, v) {
  if (p !== 'co2_ppm' || typeof v !== 'number') return '';
  return t(v < 800 ? 'aire_bueno' : v < 1200 ? 'aire_regular' : 'aire_malo');
}

/** A device's parameters, the most telling first. @param {Dispositivo} d @returns {string[]} */
export function parametersOf(d) {
  const lugar = (/** @type {string} */ p) => (ORDEN.indexOf(p) + 1 || ORDEN.length + 1);
  return Object.keys(d.parametros ?? {}).sort((a, b) => lugar(a) - lugar(b) || a.localeCompare(b));
}

const PREFIJOS = {
  LGT0: 'luz', FAN0: 'ventilador', SHD0: 'persiana', DRL0: 'puerta', RGD0: 'riego', CAM0: 'camara', PLG0: 'enchufe',
  TMP0: 'temperatura', CO20: 'aire', LUX0: 'sol', SND0: 'ruido', MOV0: 'movimiento', SMK0: 'humo',
};
/** @type {[RegExp, string][]} */
const PALABRAS = [
  [/luz|l[áa]mpara|bombilla|light|lamp/i, 'luz'], [/ventila|fan\b/i, 'ventilador'], [/persiana|toldo|shade|blind/i, 'persiana'],
  [/puerta|cerradura|door|lock/i, 'puerta'], [/riego|jard[íi]n|water|irrig/i, 'riego'], [/c[áa]mara|camera/i, 'camara'],
  [/enchufe|plug|socket/i, 'enchufe'], [/humo|smoke/i, 'humo'], [/movimiento|motion|presencia/i, 'movimiento'],
];

/** The icon of a device. @param {Dispositivo} d @returns {string} */
export function iconOf(d) {
  const prefijo = /** @type {Record<string, string>} */ (PREFIJOS)[d.serial_number.slice(0, 4)];
  const palabra = PALABRAS.find(([patron]) => patron.test(`${d.nombre} ${d.descripcion ?? ''} ${d.tipo}`));
  const medida = parametersOf(d).map((p) => MEDIDAS[p]?.icono).find(Boolean);
  return prefijo ?? palabra?.[1] ?? medida ?? 'aparato';
}

/** Whether people switch it. @param {Dispositivo} d */
export const switches = (d) => d.tipo !== 'sensor' && (d.tipo === 'actuador' || 'encendido' in (d.configuracion ?? {}));

/** A device's name; one that nobody named yet is known by its serial. @param {Dispositivo} d */
export const nameOf = (d) => (d.nombre && d.nombre !== 'No definido' ? d.nombre : d.serial_number);

/**
 * What is wanted, and what came of it: `abierta` while it is not proven, `rechazada` or `expirada` when it ended badly.
 * @param {Dispositivo} d @returns {{encendido: boolean, asunto: '' | 'abierta' | 'rechazada' | 'expirada', querido: boolean}}
 */
export function power(d) {
  const deriva = d.deriva?.encendido;
  const encendido = d.estado === 'activo';
  return { encendido, asunto: deriva?.estado_orden ?? '', querido: deriva ? Boolean(deriva.deseado) : encendido };
}
