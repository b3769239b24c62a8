/** Elements without a framework: `h` makes them, `icono` draws. */
import { t } from './i18n.js';
import { ICONOS } from './iconos.js';

/** @typedef {Node | string | number | null | undefined | false | any[]} Hijo what may be inside an element */
/** @typedef {Record<string, any>} Props attributes; `on…` are listeners, `.x` sets the property x, `class` may be a list */

/**
 * An element with its attributes and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} etiqueta @param {Props | null} [props] @param {...Hijo} hijos @returns {HTMLElementTagNameMap[K]}
 */
export function h(etiqueta, props, ...hijos) {
  const el = document.createElement(etiqueta);
  for (const [k, v] of Object.entries(props ?? {})) assign(el, k, v);
  append(el, hijos);
  return el;
}

/** @param {HTMLElement} el @param {string} k @param {any} v */
function assign(el, k, v) {
  if (k.startsWith('on')) el.addEventListener(k.slice(2), v);
  else if (k.startsWith('.')) /** @type {any} */ (el)[k.slice(1)] = v;
  else if (k === 'class') el.className = Array.isArray(v) ? v.filter(Boolean).join(' ') : v;
  else setAttr(el, k, v);
}

/** Set, or take away when false or null. @param {Element} el @param {string} k @param {any} v */
export function setAttr(el, k, v) {
  if (v === false || v === null || v === undefined) el.removeAttribute(k);
  else if (el.getAttribute(k) !== String(v === true ? '' : v)) el.setAttribute(k, v === true ? '' : String(v));
}

/** @param {Node} el @param {Hijo[]} hijos */
function append(el, hijos) {
  for (const hijo of hijos) {
    if (Array.isArray(hijo)) append(el, hijo);
    else if (hijo !== null && hijo !== undefined && hijo !== false)
      el.appendChild(hijo instanceof Node ? hijo : document.createTextNode(String(hijo)));
  }
}

/** Replace what is inside. @param {Element} el @param {...Hijo} hijos */
export function fill(el, ...hijos) {
  const hueco = document.createDocumentFragment();
  append(hueco, hijos);
  el.replaceChildren(hueco);
}

/** Change a text only when it is another: nothing moves unless something did. @param {Node} el @param {string} texto */
export function setText(el, texto) {
  if (el.textContent !== texto) el.textContent = texto;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An element of SVG. @param {string} etiqueta @param {Record<string, any>} [attrs] @param {...Element} hijos @returns {SVGElement} */
export function svg(etiqueta, attrs, ...hijos) {
  const el = document.createElementNS(SVG, etiqueta);
  for (const [k, v] of Object.entries(attrs ?? {})) setAttr(el, k, v);
  el.append(...hijos);
  return el;
}

/** One of our icons, 24 px, decoration to who can't see it. @param {string} nombre @returns {SVGElement} */
export function icono(nombre) {
  const trazo = svg('path', { d: ICONOS[nombre] ?? ICONOS.aparato });
  return svg('svg', { viewBox: '0 0 24 24', class: 'icono', 'aria-hidden': 'true' }, trazo);
}

/** Load a style sheet once, and wait for it. @param {string} nombre such as `horario` @returns {Promise<void>} */
export function loadStyle(nombre) {
  const href = new URL(`../css/${nombre}.css`, import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((listo) => {
    const fin = () => listo();
    document.head.append(h('link', { rel: 'stylesheet', href, onload: fin, onerror: fin }));
  });
}

/**
 * A dialog that asks; its last button leaves it (a phone has no Escape). Resolves with what `hacer` gave, or null when it was left.
 * @template T
 * @param {string} titulo @param {(cerrar: (valor: T) => void) => Hijo} contenido @returns {Promise<T | null>}
 */
export function ask(titulo, contenido) {
  return new Promise((listo) => {
    /** @type {T | null} */
    let valor = null;
    const dialogo = h('dialog', { class: 'dialogo', 'aria-label': titulo, onclose: () => (dialogo.remove(), listo(valor)) });
    const cerrar = (/** @type {T} */ v) => ((valor = v), dialogo.close());
    const fuera = h('button', { type: 'button', class: 'boton plano redondo', 'aria-label': t('cerrar'), onclick: () => dialogo.close() }, icono('cerrar'));
    fill(dialogo, h('h2', null, titulo), contenido(cerrar), fuera);
    document.body.append(dialogo);
    dialogo.showModal();
  });
}
