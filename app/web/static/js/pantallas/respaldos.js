/** Backups: make, take away, go back to. */
import { get, post, url } from '../api.js';
import { attempt, say } from '../decir.js';
import { fill, h, icono } from '../dom.js';
import { confirm, page, size } from '../formulario.js';
import { moment, num, t } from '../i18n.js';

const LOOK_MS = 2_000;

/** @param {HTMLElement} donde */
export async function show(donde) {
  let visible = true;
  const lista = h('ul', { class: 'lista' });
  const hacer = h('button', { class: 'boton', onclick: make }, icono('copia'), t('respaldos.hacer'));
  async function load() {
    const { haciendo, respaldos } = await get('respaldos');
    hacer.disabled = haciendo;
    fill(lista, haciendo && h('li', { class: 'suave', role: 'status' }, t('respaldos.haciendo')),
      respaldos.length ? respaldos.map(row) : !haciendo && h('li', { class: 'vacio' }, icono('copia'), t('respaldos.ninguno')));
    if (haciendo && visible) setTimeout(() => void load().catch(() => {}), LOOK_MS);
  }
  async function make() {
    hacer.disabled = true;
    await attempt(post('respaldos'));
    await attempt(load());
  }
  await load();
  page(donde, t('mas.respaldos'), h('p', { class: 'suave' }, t('respaldos.que')), hacer, lista);
  return () => (visible = false);
}

/** @param {any} r */
function row(r) {
  return h('li', { class: 'tarjeta fila' }, h('p', { class: 'crece' }, h('strong', null, moment(r.creado_en)), h('br'), h('small', null, `${size(r.bytes, num)}${r.cifrado ? ` · ${t('respaldos.cifrado')}` : ''}`)),
    h('a', { class: 'boton plano', href: url(`respaldos/${r.nombre}`), download: r.nombre }, t('respaldos.descargar')),
    h('button', { class: 'boton malo', onclick: () => back(r) }, t('respaldos.volver')));
}

/** @param {any} r */
async function back(r) {
  if (!(await confirm(t('respaldos.volver_a', { cuando: moment(r.creado_en) }), t('respaldos.volver_que'), t('respaldos.volver')))) return;
  const hecho = await attempt(post(`respaldos/${r.nombre}/restaurar`));
  if (hecho) say(t('respaldos.reiniciando', { n: hecho.contenido.dispositivos, filas: hecho.contenido.filas }));
}
