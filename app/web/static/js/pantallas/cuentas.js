/** Accounts: who may enter, what they may, and of which part of the house. */
import { del, get, post, put } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { ask, fill, h, icono } from '../dom.js';
import { confirm, form, page } from '../formulario.js';
import { moment, t } from '../i18n.js';
import { nameOf } from '../medidas.js';

const ROLES = /** @type {const} */ (['administrador', 'miembro', 'invitado']);

/** @param {HTMLElement} donde */
export async function show(donde) {
  const lista = h('ul', { class: 'lista' });
  const load = async () => fill(lista, (await get('usuarios')).map((/** @type {any} */ u) => row(u, load)));
  await load();
  page(donde, t('mas.cuentas'), lista, h('button', { class: 'boton', onclick: () => create(load) }, icono('anadir'), t('cuentas.nueva')));
}

/** @param {any} u @param {() => Promise<void>} load */
function row(u, load) {
  return h('li', { class: 'tarjeta fila' }, icono('persona'),
    h('p', { class: 'crece' }, h('strong', null, u.nombre), !u.activo && h('small', { class: 'avisa' }, ` ${t('cuentas.cerrada')}`), h('br'),
      h('small', null, `${t(`rol.${u.rol}`)} · ${part(u.alcance)}`)),
    h('button', { class: 'boton plano redondo', 'aria-label': t('cuentas.cambiar', u), onclick: () => edit(u, load) }, icono('lapiz')));
}

/** @param {any} alcance */
function part(alcance) {
  if (!alcance) return t('cuentas.toda');
  return [...alcance.habitaciones.map((/** @type {number} */ id) => casa.habitaciones.find((r) => r.id === id)?.nombre),
    ...alcance.dispositivos.map((/** @type {number} */ id) => nameOf(casa.dispositivos.get(id) ?? /** @type {any} */ ({ serial_number: '…' })))].filter(Boolean).join(', ') || t('cuentas.nada');
}

/** @param {string} [rol] @returns {import('../formulario.js').Campo} */
const rolField = (rol = 'miembro') => ({ nombre: 'rol', etiqueta: t('cuentas.rol'), valor: rol, opciones: ROLES.map((r) => [r, `${t(`rol.${r}`)}: ${t(`rol.${r}_que`)}`]) });

/** The part of the house: all of it, or rooms and devices one by one. @param {any} alcance */
function scope(alcance) {
  const marca = (/** @type {string} */ clave, /** @type {number} */ id, /** @type {string} */ nombre, /** @type {boolean} */ puesta) =>
    h('label', null, h('input', { type: 'checkbox', name: clave + id, '.checked': puesta }), nombre);
  const partes = h('div', { hidden: !alcance }, h('fieldset', { class: 'marcas' }, h('legend', null, t('mas.habitaciones')),
    casa.habitaciones.map((r) => marca('r', r.id, r.nombre, Boolean(alcance?.habitaciones.includes(r.id))))),
  h('fieldset', { class: 'marcas' }, h('legend', null, t('dispositivos')), [...casa.dispositivos.values()].filter((d) => d.reclamado).map((d) => marca('d', d.id, nameOf(d), Boolean(alcance?.dispositivos.includes(d.id))))));
  const solo = h('input', { type: 'checkbox', name: 'parte', '.checked': Boolean(alcance), onchange: () => (partes.hidden = !solo.checked) });
  return [h('label', { class: 'fila' }, solo, t('cuentas.solo_parte')), partes];
}

/** @param {Record<string, string>} datos */
function readScope(datos) {
  if (!datos.parte) return null;
  const ids = (/** @type {string} */ clave) => Object.keys(datos).filter((k) => new RegExp(`^${clave}\\d+$`).test(k)).map((k) => Number(k.slice(1)));
  return { habitaciones: ids('r'), dispositivos: ids('d') };
}

/** @param {() => Promise<void>} load */
function create(load) {
  return ask(t('cuentas.nueva'), (cerrar) => form([
    { nombre: 'nombre', etiqueta: t('entrar.usuario'), mas: { required: true, maxlength: 40, autocomplete: 'off', autocapitalize: 'none' } },
    { nombre: 'clave', etiqueta: t('entrar.clave'), tipo: 'password', ayuda: t('entrar.clave_ayuda'), mas: { required: true, maxlength: 128, autocomplete: 'new-password' } }, rolField(),
  ], t('anadir'), async (datos) => {
    await post('usuarios', { nombre: datos.nombre, clave: datos.clave, rol: datos.rol, alcance: readScope(datos) });
    await load();
    cerrar(true);
  }, scope(null)));
}

/** @param {any} u @param {() => Promise<void>} load */
function edit(u, load) {
  return ask(u.nombre, (cerrar) => [
    form([rolField(u.rol), { nombre: 'activo', etiqueta: t('cuentas.puede_entrar'), valor: String(u.activo), opciones: [['true', t('si')], ['false', t('no')]] }], t('guardar'), async (datos) => {
      await put(`usuarios/${u.id}`, { rol: datos.rol, activo: datos.activo === 'true', alcance: readScope(datos) });
      await load();
      cerrar(true);
    }, scope(u.alcance), h('small', null, t('cuentas.desde', { cuando: moment(u.creado_en) }))),
    h('details', null, h('summary', null, t('cuentas.otra_clave')), form([{ nombre: 'nueva', etiqueta: t('entrar.clave'), tipo: 'password', mas: { required: true, maxlength: 128, autocomplete: 'new-password' } }], t('guardar'), async (datos) => {
      await put(`usuarios/${u.id}/clave`, datos);
      say(t('guardado'));
      cerrar(true);
    })),
    h('button', { class: 'boton malo', onclick: () => remove(u, load, cerrar) }, t('cuentas.borrar', u))]);
}

/** @param {any} u @param {() => Promise<void>} load @param {(v: boolean) => void} cerrar */
async function remove(u, load, cerrar) {
  if (!(await confirm(t('cuentas.borrar', u), t('cuentas.borrar_que'), t('borrar')))) return;
  await attempt(del(`usuarios/${u.id}`));
  await load();
  cerrar(true);
}
