/** Where one is: the part after `#/` chooses a screen, which is loaded when it is first asked for. */
import { casa } from './casa.js';
import { fill, h, loadStyle } from './dom.js';
import { isLost, loadTexts, sorry, t } from './i18n.js';

/** @typedef {{direccion: string, partes: string[], consulta: URLSearchParams}} Destino what the address says to a screen */
/** @typedef {() => void} Cierre */
/** @typedef {{show: (donde: HTMLElement, destino: Destino) => Promise<Cierre | void> | Cierre | void}} Pantalla */

/**
 * Address, file in `pantallas/`, part (its words and style, `` = what is there from the start), and of a sheet the screen that it lies on.
 * @type {[RegExp, string, string, string?][]}
 */
const RUTAS = [
  [/^$/, 'casa', ''],
  [/^dispositivo\/(\d+)$/, 'dispositivo', 'dispositivo', 'casa'],
  [/^horarios$/, 'horarios', 'horario'],
  [/^horario\/(\d+)$/, 'horario', 'horario', 'horarios'],
  [/^avisos$/, 'avisos', 'avisos'],
  [/^anadir$/, 'anadir', 'anadir'],
  [/^entrar$/, 'entrar', 'entrar'],
  [/^mas$/, 'mas', 'mas'],
  [/^mas\/casa$/, 'lugar', 'mas'],
  [/^mas\/habitaciones$/, 'habitaciones', 'mas'],
  [/^mas\/escenas$/, 'escenas', 'mas'],
  [/^mas\/cuentas$/, 'cuentas', 'mas'],
  [/^mas\/accesos$/, 'accesos', 'mas'],
  [/^mas\/respaldos$/, 'respaldos', 'mas'],
  [/^mas\/salud$/, 'salud', 'mas'],
  [/^mas\/registro$/, 'registro', 'mas'],
  [/^mas\/telefono$/, 'telefono', 'mas'],
];

/** @type {{principal: Cierre | void, hoja: Cierre | void}} */
const abiertas = { principal: undefined, hoja: undefined };
let debajo = ''; // the address of what is under a sheet
/** @type {string | undefined} */
let mostrado; // the address of what is in the main place
/** @type {Element | null} */
let origen = null; // what had the focus when a sheet was opened
let vuelve = false; // whether the way back in the browser's history leaves the sheet
let paso = 0;

/** Begin to follow the address. @param {HTMLElement} principal @param {HTMLElement} hoja */
export function follow(principal, hoja) {
  addEventListener('hashchange', (e) => void route(principal, hoja, e.oldURL));
  addEventListener('keydown', (e) => e.key === 'Escape' && !hoja.hidden && !document.querySelector('dialog[open]') && closeSheet());
  return route(principal, hoja);
}

/** Leave the sheet for what is under it; where one came from there it is the way back. */
export function closeSheet() {
  if (vuelve) history.back();
  else location.hash = `#/${debajo}`;
}

/** Show the present address again. */
export function again() {
  dispatchEvent(new Event('hashchange'));
}

/** What an address shows. @param {string} [direccion] of the page */
const placeOf = (direccion = '') => (direccion.split('#')[1] ?? '').replace(/^\//, '');

/** @param {HTMLElement} principal @param {HTMLElement} hoja @param {string} [desde] */
async function route(principal, hoja, desde) {
  const mio = ++paso;
  document.querySelectorAll('dialog[open]').forEach((d) => /** @type {HTMLDialogElement} */ (d).close());
  const aqui = placeOf(location.href);
  const [camino, consulta] = aqui.split('?');
  const hallada = RUTAS.find(([patron]) => patron.test(camino));
  const [patron, archivo, parte, bajo] = hallada ?? RUTAS[0];
  const destino = { direccion: aqui, partes: (patron.exec(camino) ?? []).slice(1), consulta: new URLSearchParams(consulta) };
  const esHoja = Boolean(bajo);
  if (!esHoja && !hoja.hidden && aqui === mostrado) return uncover(principal, hoja);
  if (!esHoja) debajo = hallada ? camino : '';
  else if (!abiertas.principal) debajo = bajo === 'casa' ? '' : String(bajo);
  const donde = esHoja ? hoja : principal;
  if (esHoja && hoja.hidden) origen = document.activeElement;
  if (esHoja) vuelve = desde !== undefined && desde !== '' && placeOf(desde) === mostrado;
  if (!esHoja) shut('hoja', hoja);
  document.body.classList.toggle('con-hoja', esHoja);
  hoja.hidden = !esHoja;
  const primera = mio === 1;
  await open(esHoja ? 'hoja' : 'principal', donde, archivo, parte, destino, () => mio === paso);
  if (mio !== paso) return;
  const titulo = donde.querySelector('h1');
  document.title = titulo?.textContent || t('casa');
  dispatchEvent(new Event('en-pantalla'));
  if (bajo && !principal.firstChild && matchMedia('(min-width: 900px)').matches) void open('principal', principal, bajo, bajo === 'casa' ? '' : 'horario', { ...destino, direccion: debajo }, () => mio === paso);
  if (primera) return;
  if (!esHoja) scrollTo(0, 0);
  titulo?.setAttribute('tabindex', '-1');
  titulo?.focus({ preventScroll: true });
}

/** What is under the sheet is there as it was left: where it was scrolled to, with the focus where it was. @param {HTMLElement} principal @param {HTMLElement} hoja */
function uncover(principal, hoja) {
  shut('hoja', hoja);
  hoja.hidden = true;
  document.body.classList.remove('con-hoja');
  const titulo = principal.querySelector('h1');
  document.title = titulo?.textContent || t('casa');
  dispatchEvent(new Event('en-pantalla'));
  const foco = /** @type {HTMLElement | null} */ (origen?.isConnected && origen !== document.body ? origen : titulo);
  foco?.focus({ preventScroll: true });
}

/** @param {'principal' | 'hoja'} sitio @param {HTMLElement} donde */
function shut(sitio, donde) {
  abiertas[sitio]?.();
  abiertas[sitio] = undefined;
  donde.replaceChildren();
}

/**
 * @param {'principal' | 'hoja'} sitio @param {HTMLElement} donde @param {string} archivo @param {string} parte
 * @param {Destino} destino @param {() => boolean} vigente whether nobody went elsewhere meanwhile
 */
async function open(sitio, donde, archivo, parte, destino, vigente) {
  try {
    const [pantalla] = await Promise.all([
      /** @type {Promise<Pantalla>} */ (import(`./pantallas/${archivo}.js`)),
      parte && loadTexts(parte), parte && loadStyle(parte), archivo === 'casa' || archivo === 'entrar' ? casa.quien : casa.lleno,
    ]);
    if (!vigente()) return;
    shut(sitio, donde);
    if (sitio === 'principal') mostrado = undefined;
    const cierre = await pantalla.show(donde, destino);
    if (!vigente()) return cierre?.();
    abiertas[sitio] = cierre;
    if (sitio === 'principal') mostrado = destino.direccion;
  } catch (error) {
    if (!vigente()) return;
    shut(sitio, donde);
    if (sitio === 'principal') mostrado = undefined;
    fill(donde, h('div', { class: 'vacio', role: 'alert' }, h('h1', null, t('no_se_pudo')), h('p', null, sorry(error)),
      h('button', { class: 'boton', onclick: () => (isLost(error) ? location.reload() : again()) }, t('otra_vez'))));
  }
}
