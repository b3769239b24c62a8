/** The rest of the house: people, care, this device. */
import { del } from '../api.js';
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { fill, h, icono } from '../dom.js';
import { idioma, said, t } from '../i18n.js';

/** @typedef {'ver' | 'controlar' | 'gestionar' | 'administrar'} Permiso */
/** Group, and in it: address, icon, what it needs. @type {[string, [string, string, Permiso][]][]} */
const GRUPOS = [
  ['la_casa', [['casa', 'casa', 'ver'], ['habitaciones', 'puerta', 'ver'], ['escenas', 'escena', 'ver']]],
  ['personas', [['cuentas', 'persona', 'administrar'], ['accesos', 'llave', 'ver']]],
  ['cuidado', [['salud', 'pulso', 'ver'], ['respaldos', 'copia', 'administrar'], ['registro', 'escudo', 'administrar']]],
  ['aparato', [['telefono', 'movil', 'ver']]],
];

/** @param {HTMLElement} donde */
export function show(donde) {
  const limitado = Boolean(casa.yo.usuario?.alcance);
  fill(donde, h('div', { class: 'mas columnas' }, h('h1', null, t('mas')), who(),
    GRUPOS.map(([grupo, enlaces]) => [grupo, enlaces.filter(([ruta, , permiso]) => casa.may(permiso) && !(limitado && ruta === 'salud'))])
      .filter(([, enlaces]) => enlaces.length)
      .map(([grupo, enlaces]) => group(/** @type {string} */ (grupo), /** @type {[string, string, Permiso][]} */ (enlaces))),
    choices(), h('p', { class: 'suave' }, h('a', { href: 'docs' }, t('mas.api')))));
}

/** @param {string} grupo @param {[string, string, Permiso][]} enlaces */
function group(grupo, enlaces) {
  return h('section', null, h('h2', null, t(`mas.${grupo}`)), h('ul', { class: 'lista menu tarjeta' }, enlaces.map(([ruta, dibujo]) =>
    h('li', null, h('a', { href: `#/mas/${ruta}` }, icono(dibujo), h('span', null, t(`mas.${ruta}`), h('small', null, t(`mas.${ruta}_que`))), icono('adelante'))))));
}

function who() {
  const { usuario, quien } = casa.yo;
  return h('div', { class: 'tarjeta fila quien' }, icono('persona'),
    h('p', null, h('strong', null, usuario?.nombre ?? t('mas.sin_cuenta')), h('br'), h('small', null, usuario ? t(`rol.${usuario.rol}`) : t('mas.como', { quien: said(quien ?? '') }))),
    usuario ? h('button', { class: 'boton plano', onclick: leave }, t('mas.salir')) : h('a', { class: 'boton plano', href: '#/entrar' }, t('mas.entrar')));
}

async function leave() {
  await attempt(del('sesion'));
  location.hash = '#/';
  location.reload();
}

/** Language and theme, of this browser. */
function choices() {
  const elegir = (/** @type {string} */ clave) => (/** @type {Event} */ e) => {
    const { value } = /** @type {HTMLSelectElement} */ (e.target);
    if (value) localStorage.setItem(clave, value);
    else localStorage.removeItem(clave);
    location.reload();
  };
  const tema = localStorage.getItem('tema') ?? '';
  const opcion = (/** @type {string} */ v, /** @type {string} */ palabras, /** @type {string} */ actual) => h('option', { value: v, '.selected': v === actual }, palabras);
  return h('div', { class: 'formulario dos' },
    h('label', { class: 'campo' }, t('mas.idioma'), h('select', { onchange: elegir('idioma') }, opcion('es', 'Español', idioma), opcion('en', 'English', idioma))),
    h('label', { class: 'campo' }, t('mas.tema'), h('select', { onchange: elegir('tema') }, ['', 'claro', 'oscuro'].map((v) => opcion(v, t(`mas.tema_${v || 'sistema'}`), tema)))));
}
