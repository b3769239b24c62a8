/** Scenes: what each of some devices is to be when one is applied. */
import { del, post, put } from '../api.js';
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { ask, fill, h, icono } from '../dom.js';
import { confirm, form, page } from '../formulario.js';
import { list, t } from '../i18n.js';
import { nameOf, switches } from '../medidas.js';

/** @typedef {import('../casa.js').Escena} Escena */

/** @param {HTMLElement} donde */
export function show(donde) {
  const lista = h('ul', { class: 'lista' });
  const draw = () => fill(lista, casa.escenas.length ? casa.escenas.map(row) : h('li', { class: 'suave' }, t('escenas.ninguna')));
  page(donde, t('mas.escenas'), lista, casa.may('gestionar') && h('button', { class: 'boton', onclick: () => edit(null) }, icono('anadir'), t('escenas.nueva')));
  draw();
  return casa.on('lista', draw);
}

/** @param {Escena} e */
function row(e) {
  /** @type {Record<string, string[]>} */
  const hechos = {};
  for (const a of e.acciones) (hechos[words(a.configuracion)] ??= []).push(nameOf(casa.dispositivos.get(a.dispositivo_id) ?? /** @type {any} */ ({ serial_number: '…' })));
  return h('li', { class: 'tarjeta fila' }, h('p', { class: 'crece' }, h('strong', null, e.nombre), Object.entries(hechos).map(([que, cosas]) => [h('br'), h('small', null, `${que}: ${list(cosas)}`)])), casa.may('gestionar') && [
    h('button', { class: 'boton plano redondo', 'aria-label': t('escenas.cambiar', e), onclick: () => edit(e) }, icono('lapiz')),
    h('button', { class: 'boton plano redondo', 'aria-label': t('escenas.borrar', e), onclick: () => remove(e) }, icono('borrar'))]);
}

/** @param {any} c */
const words = (c) => ('encendido' in c ? t(c.encendido ? 'encendido' : 'apagado') : JSON.stringify(c));

/** What else a scene says of a device is kept; a new one takes how things are now. @param {Escena | null} e */
function edit(e) {
  const antes = new Map((e?.acciones ?? []).map((a) => [a.dispositivo_id, a.configuracion]));
  const ds = [...casa.dispositivos.values()].filter((d) => d.reclamado && (switches(d) || antes.has(d.id)));
  return ask(t(e ? 'escenas.cambiar' : 'escenas.nueva', e ?? {}), (cerrar) => form([{ nombre: 'nombre', etiqueta: t('nombre'), valor: e?.nombre, mas: { required: true, maxlength: 80 } }], t('guardar'), async (datos) => {
    const acciones = ds.filter((d) => datos[`d${d.id}`]).map((d) => ({ dispositivo_id: d.id, configuracion: { ...antes.get(d.id), ...(datos[`d${d.id}`] === 'igual' ? {} : { encendido: datos[`d${d.id}`] === 'si' }) } }));
    await (e ? put(`escenas/${e.id}`, { nombre: datos.nombre, acciones }) : post('escenas', { nombre: datos.nombre, acciones }));
    await casa.refresh();
    cerrar(true);
  }, h('fieldset', { class: 'opciones' }, h('legend', null, t('dispositivos')), ds.map((d) => choice(d, antes.get(d.id))))));
}

/** @param {import('../casa.js').Dispositivo} d @param {any} antes */
function choice(d, antes) {
  const elegido = antes ? ('encendido' in antes ? (antes.encendido ? 'si' : 'no') : 'igual') : '';
  const opciones = [['', t('escenas.nada')], ['si', t('encendido')], ['no', t('apagado')], ...(elegido === 'igual' ? [['igual', words(antes)]] : [])];
  return h('label', null, h('span', null, nameOf(d)), h('select', { name: `d${d.id}` }, opciones.map(([v, p]) => h('option', { value: v, '.selected': v === elegido }, p))));
}

/** @param {Escena} e */
async function remove(e) {
  if (!(await confirm(t('escenas.borrar', e), t('escenas.borrar_que'), t('borrar')))) return;
  await attempt(del(`escenas/${e.id}`));
  await attempt(casa.refresh());
}
