/** The frame around the screens: top bar, places, what is said of the connection. */
import { casa } from './casa.js';
import { fill, h, icono, setText } from './dom.js';
import { ago, sorry, t } from './i18n.js';
import { again, follow } from './rutas.js';

const OLD_MS = 20_000; // what is shown may be old when nothing came for so long
const RETRY_MS = 5_000;
let reloj = 0; // runs while the house does not answer

/** @type {[string, string, string][]} */
const SITIOS = [['', 'casa', 'casa'], ['horarios', 'reloj', 'horarios'], ['avisos', 'campana', 'avisos'], ['mas', 'mas', 'mas']];

const nombre = h('a', { class: 'nombre-casa', href: '#/' }, t('casa'));
const conexion = h('p', { class: 'conexion', role: 'status' });
const banda = h('p', { class: 'banda', role: 'status', hidden: true });
const cuenta = h('span', { class: 'cuenta', hidden: true });
const enlaces = SITIOS.map(([ruta, dibujo, clave]) => h('a', { href: `#/${ruta}` }, icono(dibujo), h('span', null, t(clave)), ruta === 'avisos' && cuenta));
const principal = h('main', { id: 'principal' });
const hoja = h('aside', { id: 'hoja', hidden: true, 'aria-label': t('detalle') });

function frame() {
  const tema = localStorage.getItem('tema');
  if (tema) document.documentElement.dataset.tema = tema;
  document.body.prepend(
    h('a', { class: 'saltar', href: '#principal', onclick: skip }, t('saltar')),
    h('header', { class: 'barra' }, nombre, conexion),
    h('nav', { class: 'sitios', 'aria-label': t('sitios') }, enlaces),
    banda, principal, hoja);
}

/** @param {Event} e */
function skip(e) {
  e.preventDefault();
  principal.setAttribute('tabindex', '-1');
  principal.focus();
}

function showConnection() {
  const { estado, visto } = casa.conexion;
  const viejo = estado !== 'vivo' && casa.may('ver');
  conexion.dataset.estado = estado;
  conexion.hidden = !casa.may('ver');
  setText(conexion, viejo ? t(estado === 'sin' ? 'sin_conexion' : 'conectando') : '');
  banda.hidden = !(viejo && Date.now() - visto > OLD_MS);
  if (!banda.hidden) setText(banda, t('viejo', { hace: ago(new Date(visto)) }));
}

/** @param {number} n */
function showCount(n) {
  cuenta.hidden = !n;
  fill(cuenta, String(n), h('span', { class: 'solo-voz' }, ` ${t('sin_leer')}`));
}

function markPlace() {
  const aqui = location.hash.replace(/^#\/?/, '').split(/[/?]/)[0];
  const sitio = { dispositivo: '', horario: 'horarios', anadir: '' }[aqui] ?? aqui;
  for (const enlace of enlaces) {
    if (enlace.hash === `#/${sitio}`) enlace.setAttribute('aria-current', 'page');
    else enlace.removeAttribute('aria-current');
  }
}

async function start() {
  frame();
  casa.on('conexion', showConnection);
  casa.on('tic', showConnection);
  casa.on('avisos', showCount);
  casa.on('casa', (datos) => setText(nombre, datos.nombre || t('casa')));
  casa.on('yo', () => document.body.classList.toggle('fuera', !casa.may('ver')));
  addEventListener('hashchange', markPlace);
  markPlace();
  addEventListener('sin-credencial', () => casa.may('ver') || enter());
  addEventListener('online', () => reloj && void meet());
  await Promise.all([meet(), follow(principal, hoja)]);
  if ('serviceWorker' in navigator && isSecureContext) void navigator.serviceWorker.register('static/sw.js', { scope: './' }).catch(() => {});
}

/** Nobody is known here: sign in, and come back to where one was going. */
function enter() {
  if (location.hash.startsWith('#/entrar')) return;
  location.hash = `#/entrar?a=${encodeURIComponent(location.hash)}`;
}

/** Who looks and what there is; a house that does not answer is asked again until it does. */
async function meet() {
  const otraVez = Boolean(reloj);
  clearTimeout(reloj);
  try {
    await casa.start();
    reloj = 0;
  } catch (error) {
    if (/** @type {{status?: number}} */ (error).status !== 401) return failed(error);
  }
  if (!casa.may('ver')) enter();
  else if (otraVez) again();
}

/** @param {unknown} error */
function failed(error) {
  reloj = Number(setTimeout(() => void meet(), RETRY_MS));
  if (principal.querySelector('.lejos')) return;
  fill(principal, h('div', { class: 'vacio lejos', role: 'alert' }, h('h1', null, t('sin_conexion_casa')), h('p', null, sorry(error)),
    h('button', { class: 'boton', onclick: () => void meet() }, t('otra_vez'))));
}

void start();
