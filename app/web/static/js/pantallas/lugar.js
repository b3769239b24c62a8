/** The house itself: name, time zone, place, holidays. */
import { put } from '../api.js';
import { casa } from '../casa.js';
import { say } from '../decir.js';
import { fill, h, icono } from '../dom.js';
import { form, page } from '../formulario.js';
import { date, t } from '../i18n.js';

/** @param {HTMLElement} donde */
export function show(donde) {
  const { nombre, zona, latitud, longitud, festivos = [] } = casa.datos;
  if (!casa.may('administrar')) return page(donde, t('mas.casa'), h('p', null, nombre), h('p', { class: 'suave' }, zona));
  const suya = Intl.DateTimeFormat().resolvedOptions().timeZone;
  page(donde, t('mas.casa'), form([
    { nombre: 'nombre', etiqueta: t('nombre'), valor: nombre, mas: { maxlength: 80 } },
    { nombre: 'zona', etiqueta: t('lugar.zona'), valor: zona, ayuda: t('lugar.zona_ayuda', { suya }), mas: { list: 'zonas', required: true } },
    { nombre: 'latitud', etiqueta: t('lugar.latitud'), valor: latitud, tipo: 'number', mas: { step: 'any', min: -90, max: 90 }, ayuda: t('lugar.para_sol') },
    { nombre: 'longitud', etiqueta: t('lugar.longitud'), valor: longitud, tipo: 'number', mas: { step: 'any', min: -180, max: 180 } },
  ], t('guardar'), save, holidays(festivos), h('datalist', { id: 'zonas' }, Intl.supportedValuesOf('timeZone').map((z) => h('option', { value: z })))));
}

/** The days themselves, each to be taken away, and one more. @param {string[]} festivos */
function holidays(festivos) {
  const dias = new Set(festivos);
  const puestos = h('div', { class: 'fila' });
  const escrito = h('input', { type: 'hidden', name: 'festivos' });
  const nuevo = h('input', { type: 'date', name: 'festivo', 'aria-label': t('lugar.festivo') });
  const draw = () => {
    escrito.value = [...dias].sort().join();
    fill(puestos, [...dias].sort().map((dia) => {
      const palabras = date(`${dia}T12:00:00Z`, { day: 'numeric', month: 'long', year: 'numeric' });
      return h('button', { type: 'button', class: 'pastilla', 'aria-label': t('lugar.quitar', { dia: palabras }), onclick: () => (dias.delete(dia), draw(), nuevo.focus()) }, palabras, icono('cerrar'));
    }));
  };
  const add = () => nuevo.value && (dias.add(nuevo.value), (nuevo.value = ''), draw());
  draw();
  return h('fieldset', { class: 'festivos' }, h('legend', null, t('lugar.festivos')), puestos, h('div', { class: 'fila' }, nuevo, h('button', { type: 'button', class: 'boton plano', onclick: add }, t('anadir'))), h('small', null, t('lugar.festivos_ayuda')), escrito);
}

/** @param {Record<string, string>} d */
async function save(d) {
  const numero = (/** @type {string} */ v) => (v === '' ? null : Number(v));
  await put('casa', { nombre: d.nombre || null, zona: d.zona, latitud: numero(d.latitud), longitud: numero(d.longitud), festivos: [...d.festivos.split(','), d.festivo].filter(Boolean) });
  await casa.refresh();
  say(t('guardado'));
}
