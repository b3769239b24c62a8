/** The house itself: name, time zone, place, holidays. */
import { put } from '../api.js';
import { casa } from '../casa.js';
import { say } from '../decir.js';
import { h } from '../dom.js';
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
    { nombre: 'festivos', etiqueta: t('lugar.festivos'), valor: festivos.join(', '), ayuda: t('lugar.festivos_ayuda', { dia: date(new Date(), { dateStyle: 'medium' }), iso: new Date().toISOString().slice(0, 10) }) },
  ], t('guardar'), save, h('datalist', { id: 'zonas' }, Intl.supportedValuesOf('timeZone').map((z) => h('option', { value: z })))));
}

/** @param {Record<string, string>} d */
async function save(d) {
  const numero = (/** @type {string} */ v) => (v === '' ? null : Number(v));
  await put('casa', { nombre: d.nombre || null, zona: d.zona, latitud: numero(d.latitud), longitud: numero(d.longitud), festivos: d.festivos.split(/[\s,;]+/).filter(Boolean) });
  await casa.refresh();
  say(t('guardado'));
}
