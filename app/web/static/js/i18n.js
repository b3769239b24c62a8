/** Words, numbers and times, in Spanish or English. The catalogues are `textos/<part>.<language>.js`. */

/** @typedef {string | Record<string, string>} Texto a sentence with `{holes}`, or one for each plural of `{n}` */

/** @type {string} */
export const idioma = ['es', 'en'].find((i) => i === localStorage.getItem('idioma')) ?? (document.documentElement.lang || 'es');
document.documentElement.lang = idioma;

/** @type {Record<string, Texto>} */
const textos = {};
/** @type {Map<string, Promise<void>>} */
const cargados = new Map();

/** Load the words of a part of the page, once. @param {string} parte @returns {Promise<void>} */
export function loadTexts(parte) {
  const antes = cargados.get(parte);
  if (antes) return antes;
  const carga = import(`./textos/${parte}.${idioma}.js`).then((m) => void Object.assign(textos, m.default));
  cargados.set(parte, carga);
  return carga;
}

const plurales = new Intl.PluralRules(idioma);

/** A sentence. @param {string} clave @param {Record<string, any>} [datos] @returns {string} */
export function t(clave, datos = {}) {
  const texto = textos[clave] ?? clave;
  const frase = typeof texto === 'string' ? texto : (texto[plurales.select(datos.n)] ?? texto.other);
  return frase.replace(/\{(\w+)\}/g, (_, k) => (typeof datos[k] === 'number' ? num(datos[k]) : String(datos[k] ?? '')));
}

/** Whether there is such a sentence. @param {string} clave */
export const has = (clave) => clave in textos;

/** What the backend calls somebody or something, which is Spanish, in the page's language. @param {string} palabra @returns {string} */
export const said = (palabra) => (has(`dicho.${palabra}`) ? t(`dicho.${palabra}`) : palabra);

/** @type {Map<string, Intl.NumberFormat>} */
const formatos = new Map();

/** A number with exactly so many decimals (none given: up to 2). @param {number} valor @param {number} [decimales] @returns {string} */
export function num(valor, decimales) {
  const clave = String(decimales);
  let f = formatos.get(clave);
  if (!f) {
    f = new Intl.NumberFormat(idioma, { minimumFractionDigits: decimales ?? 0, maximumFractionDigits: decimales ?? 2 });
    formatos.set(clave, f);
  }
  return f.format(valor);
}

let zona = /** @type {string | undefined} */ (undefined);

/** The house's time zone, in which every time is told. @param {string} nombre of the IANA list */
export function setZone(nombre) {
  zona = nombre;
  fechas.clear();
}

/** @returns {string | undefined} */
export const zone = () => zona;

/** @type {Map<string, Intl.DateTimeFormat>} */
const fechas = new Map();

/** A date as these options of Intl say, in the house's zone. @param {Date | string} fecha @param {Intl.DateTimeFormatOptions} opciones */
export function date(fecha, opciones) {
  const clave = JSON.stringify(opciones);
  let f = fechas.get(clave);
  if (!f) {
    f = new Intl.DateTimeFormat(idioma, { hourCycle: 'h23', ...opciones, timeZone: zona });
    fechas.set(clave, f);
  }
  return f.format(typeof fecha === 'string' ? new Date(fecha) : fecha);
}

const relativo = new Intl.RelativeTimeFormat(idioma, { style: 'short', numeric: 'always' });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNIDADES = [['day', 86_400], ['hour', 3_600], ['minute', 60]];

/** How long ago, in words ("hace 3 min"). @param {Date | string} fecha @param {number} [ahora] ms @returns {string} */
export function ago(fecha, ahora = Date.now()) {
  const s = Math.max(0, (ahora - new Date(fecha).getTime()) / 1000);
  const [unidad, dura] = UNIDADES.find(([, d]) => s >= d) ?? ['second', 1];
  return unidad === 'second' ? t(s < 20 ? 'ahora_mismo' : 'hace_un_momento') : relativo.format(-Math.floor(s / dura), unidad);
}

const DIA = { year: 'numeric', month: '2-digit', day: '2-digit' };

/** A moment in words: "14:05", "ayer a las 21:40", "el 24 nov a las 21:40". @param {Date | string} fecha @param {number} [ahora] ms */
export function when(fecha, ahora = Date.now()) {
  const dia = (/** @type {Date | string} */ d) => date(d, /** @type {Intl.DateTimeFormatOptions} */ (DIA));
  const hora = date(fecha, { hour: '2-digit', minute: '2-digit' });
  if (dia(fecha) === dia(new Date(ahora))) return t('hoy_a_las', { hora });
  if (dia(fecha) === dia(new Date(ahora - 86_400_000))) return t('ayer_a_las', { hora });
  if (dia(fecha) === dia(new Date(ahora + 86_400_000))) return t('manana_a_las', { hora });
  return t('dia_a_las', { dia: date(fecha, { day: 'numeric', month: 'short' }), hora });
}

/** The same where it stands alone: "14:05", "ayer, 21:40", "24 nov, 21:40". @param {Date | string} fecha @param {number} [ahora] ms */
export function moment(fecha, ahora = Date.now()) {
  const dia = (/** @type {Date | string} */ d) => date(d, /** @type {Intl.DateTimeFormatOptions} */ (DIA));
  const hora = date(fecha, { hour: '2-digit', minute: '2-digit' });
  if (dia(fecha) === dia(new Date(ahora))) return hora;
  const cual = [[-1, 'ayer'], [1, 'manana']].find(([n]) => dia(fecha) === dia(new Date(ahora + Number(n) * 86_400_000)));
  return `${cual ? t(String(cual[1])) : date(fecha, { day: 'numeric', month: 'short' })}, ${hora}`;
}

const enumera = new Intl.ListFormat(idioma);

/** "lunes, jueves y sábado". @param {string[]} cosas */
export const list = (cosas) => enumera.format(cosas);

/** Whether a screen's file could not be loaded, in the words of Chromium, Firefox or WebKit; a browser may never ask for it again. @param {any} error */
export const isLost = (error) => error instanceof TypeError && /dynamically imported module|module script failed/i.test(error.message);

/** What went wrong, in the reader's language when we have it. @param {unknown} error @returns {string} */
export function sorry(error) {
  const p = /** @type {{codigo?: string, message?: string, errores?: {mensaje: string}[]}} */ (error);
  if (isLost(error)) return t('error.sin_conexion');
  if (p.codigo && has(`error.${p.codigo}`)) return t(`error.${p.codigo}`);
  const campos = (p.errores ?? []).map((e) => e.mensaje).join('. ');
  return [p.message ?? String(error), campos].filter(Boolean).join(': ');
}

await loadTexts('base');
