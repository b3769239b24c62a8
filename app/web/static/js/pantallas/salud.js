/** How the program is, in plain words; its own numbers behind "Detalles". */
import { get } from '../api.js';
import { h, icono } from '../dom.js';
import { page } from '../formulario.js';
import { has, moment, t } from '../i18n.js';

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
  const { estado, detalle, ...resto } = v;
  const numeros = Object.entries(resto).filter(([k]) => k !== 'debilidades');
  return h('li', null, h('details', null, h('summary', null, h('span', { class: look(estado) }, icono(DIBUJO[estado] ?? 'aviso'), h('span', { class: 'solo-voz' }, t(`salud.es_${estado}`))),
    h('span', null, h('strong', null, has(`salud.p.${nombre}`) ? t(`salud.p.${nombre}`) : nombre), h('small', { lang: 'es' }, detalle.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (/** @type {string} */ x) => moment(x)))), icono('adelante')), h('dl', { class: 'numeros' }, numeros.map(([k, x]) => [h('dt', null, k), h('dd', null, typeof x === 'object' ? JSON.stringify(x) : String(x))]))));
}

/** What this house's way of being set up leaves unprotected. @param {any} s */
function weak(s) {
  const puntos = [...(s.puntos_debiles ?? [])];
  return puntos.length > 0 && h('section', null, h('h2', null, t('salud.debiles')), h('ul', { class: 'puntos', lang: 'es' }, puntos.map((p) => h('li', null, typeof p === 'string' ? p : p.detalle ?? JSON.stringify(p)))));
}
