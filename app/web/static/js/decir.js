/** What the page says in passing, for eyes and for screen readers; it goes away by itself. */
import { fill, h } from './dom.js';
import { sorry, t } from './i18n.js';

const DURA_MS = 6_000;
const voz = h('div', { class: 'dicho', role: 'status', 'aria-live': 'polite' });
document.body.append(voz);
let turno = 0;

/** Say it. @param {string} texto @param {{mal?: boolean, accion?: string, hacer?: () => void}} [opciones] */
export function say(texto, { mal = false, accion, hacer } = {}) {
  const mio = ++turno;
  const callar = () => mio === turno && voz.replaceChildren();
  fill(voz, h('div', { class: mal ? 'mal' : '' }, h('span', null, texto),
    accion && h('button', { onclick: () => (callar(), hacer?.()) }, accion),
    h('button', { onclick: callar, 'aria-label': t('cerrar') }, '×')));
  setTimeout(callar, mal ? 2 * DURA_MS : DURA_MS);
}

/** Do it; what goes wrong is said. @template T @param {Promise<T>} promesa @returns {Promise<T | undefined>} */
export async function attempt(promesa) {
  try {
    return await promesa;
  } catch (error) {
    say(sorry(error), { mal: true });
    return undefined;
  }
}
