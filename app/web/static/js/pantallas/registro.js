/** Who did what, the newest first. */
import { get } from '../api.js';
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { h } from '../dom.js';
import { page } from '../formulario.js';
import { has, moment, said, t } from '../i18n.js';
import { nameOf } from '../medidas.js';

/** @param {HTMLElement} donde */
export async function show(donde) {
  const lista = h('ul', { class: 'lista registro' });
  const mas = h('button', { class: 'boton plano', onclick: () => void attempt(load()) }, t('registro.antes'));
  let pagina = 0;
  async function load() {
    const dicho = await get(`auditoria?page=${++pagina}&per_page=50`);
    lista.append(...dicho.data.map(row));
    mas.hidden = pagina >= dicho.pages;
  }
  await load();
  page(donde, t('mas.registro'), lista, mas);
}

/** @param {any} a */
function row(a) {
  const que = has(`accion.${a.accion}`) ? t(`accion.${a.accion}`) : a.accion.replaceAll('_', ' ');
  const quien = [...casa.dispositivos.values()].find((d) => d.serial_number === a.objeto);
  const mal = a.resultado !== 'hecho';
  return h('li', null, h('time', { datetime: a.instante }, moment(a.instante)), h('p', null, h('strong', null, que), a.objeto && ` ${quien ? nameOf(quien) : a.objeto}`, mal && h('span', { class: 'mal' }, ` · ${t(`registro.${a.resultado}`)}`), h('br'),
    h('small', null, [said(a.quien ?? ''), a.desde, quien && a.objeto].filter(Boolean).join(' · '))));
}
