/** How the program is, in plain words; its own numbers behind "Detalles". */
import { get } from '../api.js';
import { h, icono } from '../dom.js';
import { page, size } from '../formulario.js';
import { has, moment, num, t } from '../i18n.js';

const PARTES = ['base_de_datos', 'mqtt', 'ingesta', 'conectividad', 'horarios', 'reglas', 'historial', 'respaldos', 'flujos', 'http', 'disco'];
/** @type {Record<string, string>} */
const DIBUJO = { bien: 'bien', degradado: 'aviso', mal: 'aviso' };

/** @param {HTMLElement} donde */
export async function show(donde) {
  const s = await get('salud');
  const partes = Object.entries(s).filter(([, v]) => v && typeof v === 'object' && 'detalle' in v).sort(([a], [b]) => order(a) - order(b));
  page(donde, t('mas.salud'),
    h('p', { class: `tarjeta fila grande ${look(s.estado)}` }, icono(DIBUJO[s.estado] ?? 'aviso'), h('span', null, t(`salud.${s.estado}`))),
    h('ul', { class: 'lista menu tarjeta' }, partes.map(([nombre, v]) => part(nombre, v))),
    weak(s));
}

/** @param {string} nombre */
const order = (nombre) => PARTES.indexOf(nombre) + 1 || PARTES.length + 1;
/** @param {string} estado */
const look = (estado) => ({ bien: 'bien', degradado: 'avisa' })[estado] ?? 'mal';

/** @param {string} nombre @param {any} v */
function part(nombre, v) {
  const { estado, ...resto } = v;
  const numeros = Object.entries(resto).filter(([k]) => k !== 'debilidades' && k !== 'detalle');
  return h('li', null, h('details', null, h('summary', null, h('span', { class: look(estado) }, icono(DIBUJO[estado] ?? 'aviso'), h('span', { class: 'solo-voz' }, t(`salud.es_${estado}`))),
    h('span', null, h('strong', null, has(`salud.p.${nombre}`) ? t(`salud.p.${nombre}`) : nombre), told(nombre, v)), icono('adelante')), h('dl', { class: 'numeros' }, numeros.map(([k, x]) => [h('dt', null, k), h('dd', null, typeof x === 'object' ? JSON.stringify(x) : String(x))]))));
}

/** The backend's own words, which are Spanish; in another language those of the catalogue for what needs no more. @param {string} nombre @param {any} v */
function told(nombre, v) {
  const parada = v.vivo === false || v.viva === false;
  const clave = `dicho.salud_${parada ? 'parada' : v.lleno_el ? 'llenado' : nombre}`;
  if (has(clave) && (parada || nombre === 'disco' || v.estado === 'bien')) return h('small', null, t(clave, { ...v, ultimo: v.ultimo ? moment(v.ultimo) : '—', libre: size(v.libre_bytes ?? 0, num), lleno: v.lleno_el?.slice(0, 10) }));
  return h('small', { lang: 'es' }, v.detalle.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (/** @type {string} */ x) => moment(x)));
}

/** What this house's way of being set up leaves unprotected. @param {any} s */
function weak(s) {
  const puntos = [...(s.puntos_debiles ?? [])];
  return puntos.length > 0 && h('section', null, h('h2', null, t('salud.debiles')), h('ul', { class: 'puntos', lang: 'es' }, puntos.map((p) => h('li', null, typeof p === 'string' ? p : p.detalle ?? JSON.stringify(p)))));
}
