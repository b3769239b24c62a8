/** Sign in, and the first account of a house. */
import { post } from '../api.js';
import { casa } from '../casa.js';
import { fill, h, icono } from '../dom.js';
import { form } from '../formulario.js';
import { t } from '../i18n.js';

/** @param {HTMLElement} donde @param {import('../rutas.js').Destino} destino */
export function show(donde, { consulta }) {
  const go = async (/** @type {string} */ ruta, /** @type {any} */ datos) => {
    await post(ruta, datos);
    await casa.start();
    const a = consulta.get('a') ?? '';
    location.hash = a.startsWith('#/') && !a.startsWith('#/entrar') ? a : '#/';
  };
  const primera = casa.yo.instalacion_pendiente && (consulta.has('primera') || !casa.may('ver'));
  fill(donde, h('div', { class: 'entrar tarjeta' }, h('span', { class: 'emblema' }, icono('casa')), primera ? first(go) : known(go)));
}

/** @param {(ruta: string, datos: any) => Promise<void>} go */
function known(go) {
  return [h('h1', null, t('entrar.titulo')), form([
    { nombre: 'usuario', etiqueta: t('entrar.usuario'), mas: { autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false' } },
    { nombre: 'clave', etiqueta: t('entrar.clave'), tipo: 'password', mas: { autocomplete: 'current-password', required: true } },
  ], t('entrar.entrar'), (datos) => go('sesion', datos)),
  casa.may('ver') && h('a', { href: '#/mas' }, t('volver')),
  casa.yo.instalacion_pendiente && casa.may('ver') && h('a', { href: '#/entrar?primera' }, t('entrar.primera'))];
}

/** @param {(ruta: string, datos: any) => Promise<void>} go */
function first(go) {
  return [h('h1', null, t('entrar.primera_titulo')), h('p', null, t('entrar.primera_que')), form([
    { nombre: 'codigo', etiqueta: t('entrar.codigo'), ayuda: t('entrar.codigo_donde'), mas: { autocomplete: 'one-time-code', required: true, autocapitalize: 'characters', spellcheck: 'false' } },
    { nombre: 'usuario', etiqueta: t('entrar.usuario'), mas: { autocomplete: 'username', required: true, maxlength: 40, autocapitalize: 'none' } },
    { nombre: 'clave', etiqueta: t('entrar.clave'), tipo: 'password', ayuda: t('entrar.clave_ayuda'), mas: { autocomplete: 'new-password', required: true, maxlength: 128 } },
  ], t('entrar.crear'), (datos) => go('instalacion', datos))];
}
