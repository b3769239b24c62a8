/** Forms and the frame of a screen below "Más": said once, used by all of them. */
import { ask, fill, h, icono } from './dom.js';
import { sorry, t } from './i18n.js';

/** @typedef {import('./dom.js').Hijo} Hijo */
/**
 * @typedef {object} Campo what is asked
 * @property {string} nombre @property {string} etiqueta @property {string} [tipo] of the input; `opciones` makes a select
 * @property {[string, string][]} [opciones] value and words @property {any} [valor] @property {string} [ayuda] @property {Record<string, any>} [mas] other attributes
 */

/** A screen with a way back and a heading. @param {HTMLElement} donde @param {string} titulo @param {...Hijo} hijos */
export function page(donde, titulo, ...hijos) {
  fill(donde, h('div', { class: 'mas' }, h('a', { class: 'vuelta', href: '#/mas' }, icono('atras'), t('mas')), h('h1', null, titulo), hijos));
}

/**
 * A form that sends what was written, says what is wrong beside it, and keeps it.
 * @param {Campo[]} campos @param {string} boton @param {(datos: Record<string, string>) => Promise<any>} send @param {...Hijo} mas between fields and button
 */
export function form(campos, boton, send, ...mas) {
  const error = h('p', { class: 'mal', role: 'alert' });
  const mandar = h('button', { class: 'boton' }, boton);
  const todo = h('form', { class: 'formulario', onsubmit: submit }, campos.map(field), mas, error, mandar);
  /** @param {Event} e */
  async function submit(e) {
    e.preventDefault();
    error.textContent = '';
    mandar.disabled = true;
    try {
      await send(/** @type {Record<string, string>} */ (Object.fromEntries(new FormData(todo))));
    } catch (fallo) {
      error.textContent = sorry(fallo);
    }
    mandar.disabled = false;
  }
  return todo;
}

/** @param {Campo} c */
export function field(c) {
  const pista = c.ayuda ? `ayuda-${c.nombre}` : null;
  const comun = { name: c.nombre, 'aria-describedby': pista, ...c.mas };
  const control = c.opciones
    ? h('select', comun, c.opciones.map(([v, palabras]) => h('option', { value: v, '.selected': v === String(c.valor ?? '') }, palabras)))
    : h('input', { type: c.tipo ?? 'text', '.value': c.valor ?? '', ...comun });
  return h('label', { class: 'campo' }, c.etiqueta, control, c.ayuda && h('small', { id: pista }, c.ayuda));
}

/** Ask before what can't be undone. @param {string} titulo @param {string} que @param {string} boton @returns {Promise<boolean>} */
export async function confirm(titulo, que, boton) {
  return Boolean(await ask(titulo, (/** @type {(v: boolean) => void} */ cerrar) => [h('p', null, que), h('div', { class: 'fila botones' },
    h('button', { class: 'boton plano', onclick: () => cerrar(false) }, t('cancelar')),
    h('button', { class: 'boton malo', onclick: () => cerrar(true) }, boton))]));
}

/** A text that is shown once, to be copied. @param {string} texto */
export function secret(texto) {
  const campo = h('input', { readonly: true, '.value': texto, 'aria-label': t('copiar'), onfocus: () => campo.select() });
  const boton = h('button', { type: 'button', class: 'boton plano', onclick: copy }, t('copiar'));
  /** Over plain http there is no clipboard: the text is chosen, and the old way tried. */
  async function copy() {
    campo.select();
    if (navigator.clipboard) await navigator.clipboard.writeText(texto);
    else document.execCommand('copy');
    boton.textContent = t('copiado');
  }
  return h('div', { class: 'secreto' }, campo, boton);
}

/** How much, in words. @param {number} bytes @param {(n: number, d?: number) => string} num */
export const size = (bytes, num) => (bytes < 1e6 ? `${num(bytes / 1e3, 0)} kB` : bytes < 1e9 ? `${num(bytes / 1e6, 1)} MB` : `${num(bytes / 1e9, 1)} GB`);
