/** One's own password, the open sessions, the tokens of programs. */
import { del, get, post, put } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { ask, fill, h, icono } from '../dom.js';
import { form, page, secret } from '../formulario.js';
import { ago, moment, t } from '../i18n.js';

/** @param {HTMLElement} donde */
export async function show(donde) {
  const sesiones = h('ul', { class: 'lista' });
  const tokens = h('ul', { class: 'lista' });
  const load = async () => {
    const [abiertas, dados] = await Promise.all([get('sesiones'), get('tokens')]);
    fill(sesiones, abiertas.length ? abiertas.map((/** @type {any} */ s) => session(s, load)) : h('li', { class: 'suave' }, t('accesos.sin_sesiones')));
    fill(tokens, dados.length ? dados.map((/** @type {any} */ k) => token(k, load)) : h('li', { class: 'suave' }, t('accesos.sin_tokens')));
  };
  await load();
  page(donde, t('mas.accesos'),
    h('section', null, h('h2', null, t('accesos.sesiones')), sesiones),
    h('section', null, h('h2', null, t('accesos.tokens')), h('p', { class: 'suave' }, t('accesos.tokens_que')), tokens,
      h('button', { class: 'boton', onclick: () => create(load) }, icono('anadir'), t('accesos.nuevo'))),
    casa.yo.usuario && h('section', null, h('h2', null, t('accesos.clave')), form([
      { nombre: 'actual', etiqueta: t('accesos.actual'), tipo: 'password', mas: { required: true, autocomplete: 'current-password' } },
      { nombre: 'nueva', etiqueta: t('accesos.nueva'), tipo: 'password', ayuda: t('entrar.clave_ayuda'), mas: { required: true, autocomplete: 'new-password' } },
    ], t('guardar'), async (datos) => {
      await put('cuenta/clave', datos);
      say(t('guardado'));
      await load();
    })));
}

/** @param {any} s @param {() => Promise<void>} load */
function session(s, load) {
  return row(`${s.usuario} · ${browser(s.agente)}`, t('accesos.usada', { hace: ago(s.usada_en), desde: s.desde }), t('accesos.cerrar'), `sesiones/${s.id}`, load);
}

/** @param {any} k @param {() => Promise<void>} load */
function token(k, load) {
  const dice = [`${k.inicio}…`, t(`ambito.${k.ambito}`), k.usuario, k.usado_en ? t('accesos.usado', { hace: ago(k.usado_en) }) : t('accesos.sin_usar'), k.expira_en && t('accesos.hasta', { cuando: moment(k.expira_en) })];
  return row(k.nombre, dice.filter(Boolean).join(' · '), t('accesos.revocar'), `tokens/${k.id}`, load);
}

/** @param {string} titulo @param {string} dice @param {string} quitar @param {string} ruta @param {() => Promise<void>} load */
function row(titulo, dice, quitar, ruta, load) {
  return h('li', { class: 'tarjeta fila' }, h('p', { class: 'crece' }, h('strong', null, titulo), h('br'), h('small', null, dice)),
    h('button', { class: 'boton plano', 'aria-label': `${quitar}: ${titulo}`, onclick: async () => (await attempt(del(ruta)), await load()) }, quitar));
}

/** A browser's name out of what it says of itself. @param {string} agente */
function browser(agente) {
  const cual = [/Edg/, /Firefox/, /Chrome/, /Safari/, /curl|python/i].find((r) => r.test(agente));
  const donde = [/iPhone|iPad/, /Android/, /Windows/, /Mac OS/, /Linux/].find((r) => r.test(agente));
  const nombre = (/** @type {RegExp | undefined} */ r) => (r ? (r.exec(agente) ?? [''])[0].replace('Edg', 'Edge') : '');
  return [nombre(cual), nombre(donde)].filter(Boolean).join(', ') || t('accesos.programa');
}

/** @param {() => Promise<void>} load */
function create(load) {
  return ask(t('accesos.nuevo'), (cerrar) => form([
    { nombre: 'nombre', etiqueta: t('nombre'), mas: { required: true, maxlength: 80 }, ayuda: t('accesos.nombre_ayuda') },
    { nombre: 'ambito', etiqueta: t('accesos.ambito'), valor: 'controlar', opciones: [['leer', t('ambito.leer')], ['controlar', t('ambito.controlar')], ['todo', t('ambito.todo')]] },
    ...(casa.yo.usuario ? [] : [{ nombre: 'usuario', etiqueta: t('entrar.usuario'), mas: { required: true } }]),
  ], t('accesos.crear'), async (datos) => {
    const hecho = await post('tokens', datos);
    await load();
    cerrar(true);
    await ask(hecho.nombre, (ya) => [h('p', null, t('accesos.una_vez')), secret(hecho.token), h('div', { class: 'fila botones' }, h('button', { class: 'boton', onclick: () => ya(true) }, t('accesos.ya')))]);
  }));
}
