/** Every schedule of the house, and what comes next of each. */
import { get } from '../api.js';
import { casa } from '../casa.js';
import { fill, h, icono } from '../dom.js';
import { read, words } from '../horario.js';
import { moment, t } from '../i18n.js';
import { iconOf, nameOf, switches } from '../medidas.js';

const SHOWN = 3; // windows of each that are told

/** @param {HTMLElement} donde */
export function show(donde) {
  const lista = h('ul', { class: 'lista' });
  /** @type {Map<number, HTMLElement>} */
  const dichos = new Map();
  /** @type {Map<number, string>} */
  const told = new Map();
  const plan = (/** @type {import('../casa.js').Dispositivo} */ { configuracion: c, nombre }) => JSON.stringify([nombre, c.modo, c.horarios, c.excepciones, c.festivos, c.anulacion, c.saltar]);
  const draw = () => {
    const ds = [...casa.dispositivos.values()].filter((d) => d.reclamado && switches(d)).sort((a, b) => Number(b.configuracion.modo === 'horario') - Number(a.configuracion.modo === 'horario') || nameOf(a).localeCompare(nameOf(b)));
    fill(lista, ds.length ? ds.map((d) => row(d, dichos)) : h('li', { class: 'vacio' }, icono('reloj'), h('h2', null, t('horario.ninguno')), h('p', null, t('horario.ninguno_que'))));
    for (const d of ds) told.set(d.id, plan(d));
    for (const d of ds) if (d.configuracion.modo === 'horario') void next(d.id, dichos);
  };
  fill(donde, h('div', { class: 'horarios' }, h('h1', null, t('horarios')), lista));
  draw();
  const quitar = [casa.on('lista', draw), casa.on('dispositivo', (d) => told.has(d.id) && told.get(d.id) !== plan(d) && draw())];
  return () => quitar.forEach((q) => q());
}

/** @param {import('../casa.js').Dispositivo} d @param {Map<number, HTMLElement>} dichos */
function row(d, dichos) {
  const franjas = read(d.configuracion.horarios);
  const sigue = d.configuracion.modo === 'horario';
  const dicho = dichos.get(d.id) ?? h('small');
  dichos.set(d.id, dicho);
  return h('li', null, h('a', { class: 'tarjeta fila', href: `#/horario/${d.id}` }, icono(iconOf(d)), h('div', { class: 'crece' }, h('strong', null, nameOf(d)), lines(sigue, franjas).map((dice) => h('p', { class: 'suave' }, dice)), sigue && dicho), icono('adelante')));
}

/** The first windows, each in words. @param {boolean} sigue @param {import('../horario.js').Franja[]} franjas */
function lines(sigue, franjas) {
  if (!sigue) return [t('horario.a_mano')];
  const resto = franjas.length - SHOWN;
  return [...franjas.slice(0, SHOWN).map(words), ...(resto > 0 ? [t('horario.y_mas', { n: resto })] : [])];
}

/** @param {number} id @param {Map<number, HTMLElement>} dichos */
async function next(id, dichos) {
  const p = await get(`dispositivos/${id}/horario/previa`).catch(() => null);
  const x = p?.transiciones[0];
  const dicho = dichos.get(id);
  if (dicho && p) dicho.textContent = x ? t(x.encendido ? 'horario.se_encendera' : 'horario.se_apagara', { cuando: moment(x.instante) }) : t(p.avisos.some((/** @type {any} */ a) => a.codigo === 'sin_coordenadas') ? 'horario.sin_lugar' : 'horario.nada_viene');
}
