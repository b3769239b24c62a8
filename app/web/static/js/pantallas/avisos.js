/** Notices: what somebody should know, the newest first. */
import { get, post } from '../api.js';
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { fill, h, icono } from '../dom.js';
import { ago, has, t, when } from '../i18n.js';
import { nameOf } from '../medidas.js';

/** @param {HTMLElement} donde */
export async function show(donde) {
  let pagina = 1;
  const lista = h('ul', { class: 'lista' });
  const todos = h('button', { class: 'pastilla', onclick: () => void attempt(post('avisos/vistos').then(load)) }, t('avisos.todos'));
  const mas = h('button', { class: 'boton plano', onclick: () => ((pagina += 1), void attempt(load())) }, t('avisos.antes'));
  async function load() {
    const paginas = await Promise.all(Array.from({ length: pagina }, (_, i) => get(`avisos?per_page=50&page=${i + 1}`)));
    const avisos = paginas.flatMap((p) => p.data);
    casa.avisos = paginas[0].nuevos;
    casa.tell('avisos', casa.avisos);
    todos.hidden = !casa.avisos || !casa.may('controlar');
    mas.hidden = pagina >= paginas[0].pages;
    fill(lista, avisos.length ? avisos.map((a) => row(a, load)) : h('li', { class: 'vacio' }, icono('campana'), h('h2', null, t('avisos.ninguno')), h('p', null, t('avisos.ninguno_que'))));
  }
  await load();
  fill(donde, h('div', { class: 'avisos' }, h('div', { class: 'titulo' }, h('h1', null, t('avisos')), todos), lista, mas));
  return casa.on('aviso', () => void load().catch(() => {}));
}

/** What it says, in the reader's language where its kind says it, without the code that nobody calls a device by; it leads there. @param {any} a */
function told(a) {
  const d = casa.dispositivos.get(a.dispositivo_id);
  const suyo = has(`dicho.${a.tipo}`);
  const texto = suyo ? t(`dicho.${a.tipo}`, { ...a.datos, aparato: d ? nameOf(d) : a.serial_number }) : d ? a.texto.replace(` (${d.serial_number})`, '') : a.texto;
  const lang = suyo ? null : 'es';
  return d ? h('a', { lang, href: `#/dispositivo/${d.id}` }, texto) : h('span', { lang }, texto);
}

/** @param {any} a @param {() => Promise<void>} load */
function row(a, load) {
  const hacer = (/** @type {string} */ que) => () => void attempt(post(`avisos/${a.id}/${que}`).then(load));
  const puede = casa.may('controlar');
  return h('li', { class: 'tarjeta fila', 'data-estado': a.estado, 'data-gravedad': a.gravedad }, icono(a.gravedad === 'info' ? 'campana' : 'aviso'),
    h('div', { class: 'crece' }, h('p', null, a.estado === 'nuevo' && h('strong', null, `${t('avisos.nuevo')} `), told(a)),
      h('small', { title: when(a.actualizado_en) }, [t(`gravedad.${a.gravedad}`), ago(a.actualizado_en), a.veces > 1 && t('avisos.veces', { n: a.veces }), a.estado === 'resuelto' && t('avisos.resuelto')].filter(Boolean).join(' · '))),
    h('div', { class: 'fila' }, puede && a.estado === 'nuevo' && h('button', { class: 'pastilla', onclick: hacer('visto') }, t('avisos.visto')),
      puede && a.estado !== 'resuelto' && h('button', { class: 'pastilla', onclick: hacer('resuelto') }, t('avisos.resolver'))));
}
