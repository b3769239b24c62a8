/** Rooms, and which devices are in each. */
import { del, post, put } from '../api.js';
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { ask, fill, h, icono } from '../dom.js';
import { confirm, form, page } from '../formulario.js';
import { t } from '../i18n.js';
import { nameOf } from '../medidas.js';

/** @param {HTMLElement} donde */
export function show(donde) {
  const lista = h('ul', { class: 'lista' });
  const draw = () => fill(lista, casa.habitaciones.map(row));
  page(donde, t('mas.habitaciones'), lista, casa.may('gestionar') && form([{ nombre: 'nombre', etiqueta: t('habitaciones.nueva'), mas: { required: true, maxlength: 80 } }], t('anadir'), async (datos) => {
    await post('habitaciones', datos);
    await casa.refresh();
    donde.querySelector('form')?.reset();
  }));
  draw();
  return casa.on('lista', draw);
}

/** @param {import('../casa.js').Habitacion} r */
function row(r) {
  const dentro = [...casa.dispositivos.values()].filter((d) => d.habitacion_id === r.id);
  return h('li', { class: 'tarjeta fila' }, h('p', { class: 'crece' }, h('strong', null, r.nombre), h('br'), h('small', null, dentro.map(nameOf).join(', ') || t('habitaciones.vacia'))),
    casa.may('gestionar') && [
      h('button', { class: 'boton plano redondo', 'aria-label': t('habitaciones.cambiar', r), onclick: () => edit(r) }, icono('lapiz')),
      h('button', { class: 'boton plano redondo', 'aria-label': t('habitaciones.borrar', r), onclick: () => remove(r) }, icono('borrar'))]);
}

/** @param {import('../casa.js').Habitacion} r */
function edit(r) {
  return ask(t('habitaciones.cambiar', r), (cerrar) => form([{ nombre: 'nombre', etiqueta: t('nombre'), valor: r.nombre, mas: { required: true, maxlength: 80 } }], t('guardar'), async (datos) => {
    await put(`habitaciones/${r.id}`, { nombre: datos.nombre });
    for (const d of casa.dispositivos.values()) {
      const aqui = Boolean(datos[`d${d.id}`]);
      if (aqui !== (d.habitacion_id === r.id)) await casa.change(d.id, { habitacion_id: aqui ? r.id : null });
    }
    await casa.refresh();
    cerrar(true);
  }, h('fieldset', { class: 'marcas' }, h('legend', null, t('dispositivos')), [...casa.dispositivos.values()].filter((d) => d.reclamado).map((d) =>
    h('label', null, h('input', { type: 'checkbox', name: `d${d.id}`, '.checked': d.habitacion_id === r.id }), nameOf(d))))));
}

/** @param {import('../casa.js').Habitacion} r */
async function remove(r) {
  if (!(await confirm(t('habitaciones.borrar', r), t('habitaciones.borrar_que'), t('borrar')))) return;
  await attempt(del(`habitaciones/${r.id}`));
  await attempt(casa.refresh());
}
