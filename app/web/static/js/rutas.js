/** Where one is: the part after `#/` chooses a screen, which is loaded when it is first asked for. */
import { casa } from './casa.js';
import { fill, h, loadStyle } from './dom.js';
import { isLost, loadTexts, sorry, t } from './i18n.js';

/** @typedef {{partes: string[], consulta: URLSearchParams}} Destino what the address says to a screen */
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
let paso = 0;

/** Begin to follow the address. @param {HTMLElement} principal @param {HTMLElement} hoja */
export function follow(principal, hoja) {
  const go = () => void route(principal, hoja);
  addEventListener('hashchange', go);
  addEventListener('keydown', (e) => e.key === 'Escape' && !hoja.hidden && !document.querySelector('dialog[open]') && closeSheet());
  return route(principal, hoja);
}

/** Leave the sheet for what is under it. */
export function closeSheet() {
  location.hash = `#/${debajo}`;
}

/** Show the present address again. */
export function again() {
  dispatchEvent(new Event('hashchange'));
}

/** @param {HTMLElement} principal @param {HTMLElement} hoja */
async function route(principal, hoja) {
  const mio = ++paso;
  const [camino, consulta] = location.hash.replace(/^#\/?/, '').split('?');
  const hallada = RUTAS.find(([patron]) => patron.test(camino));
  const [patron, archivo, parte, bajo] = hallada ?? RUTAS[0];
  const destino = { partes: (patron.exec(camino) ?? []).slice(1), consulta: new URLSearchParams(consulta) };
  const esHoja = Boolean(bajo);
  if (!esHoja) debajo = hallada ? camino : '';
  else if (!abiertas.principal) debajo = bajo === 'casa' ? '' : String(bajo);
  const donde = esHoja ? hoja : principal;
  if (!esHoja) shut('hoja', hoja);
  document.body.classList.toggle('con-hoja', esHoja);
  hoja.hidden = !esHoja;
  const primera = mio === 1;
  await open(esHoja ? 'hoja' : 'principal', donde, archivo, parte, destino, () => mio === paso);
  if (mio !== paso) return;
  const titulo = donde.querySelector('h1');
  document.title = titulo?.textContent || t('casa');
  dispatchEvent(new Event('en-pantalla'));
  if (bajo && !principal.firstChild && matchMedia('(min-width: 900px)').matches) void open('principal', principal, bajo, bajo === 'casa' ? '' : 'horario', destino, () => true);
  if (primera) return;
  if (!esHoja) scrollTo(0, 0);
  titulo?.setAttribute('tabindex', '-1');
  titulo?.focus({ preventScroll: true });
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
    const cierre = await pantalla.show(donde, destino);
    if (vigente()) abiertas[sitio] = cierre;
    else cierre?.();
  } catch (error) {
    if (vigente()) fill(donde, h('div', { class: 'vacio', role: 'alert' }, h('h1', null, t('no_se_pudo')), h('p', null, sorry(error)),
      h('button', { class: 'boton', onclick: () => (isLost(error) ? location.reload() : again()) }, t('otra_vez'))));
  }
}
