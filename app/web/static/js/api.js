/** The public API, as any other program uses it. Paths are relative (`dispositivos/3`), so a proxy's prefix is kept. */
import { idioma, loadTexts } from './i18n.js';

/** What the backend refused, or that it can't be reached (`status` 0, `codigo` `sin_conexion`). */
export class Problema extends Error {
  /** @param {number} status @param {Record<string, any>} cuerpo */
  constructor(status, cuerpo) {
    super(cuerpo.error ?? cuerpo.detail ?? cuerpo.title ?? `HTTP ${status}`);
    this.status = status;
    /** @type {string} */
    this.codigo = cuerpo.codigo ?? '';
    /** @type {{campo: string, mensaje: string}[]} */
    this.errores = cuerpo.errores ?? [];
    this.cuerpo = cuerpo;
  }
}

/** The absolute address of a path of the API. @param {string} ruta @returns {string} */
export const url = (ruta) => new URL(ruta, document.baseURI.split('#')[0]).href;

const WAIT_MS = 20_000;

/**
 * Ask, and give the answer's JSON (null when it has none).
 * @param {string} metodo @param {string} ruta @param {any} [cuerpo] JSON, or a Blob sent as it is
 * @param {{cabeceras?: Record<string, string>, esperar?: number}} [opciones] `esperar`: ms
 * @returns {Promise<any>} @throws {Problema}
 */
export async function request(metodo, ruta, cuerpo, opciones = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', 'Accept-Language': idioma, ...opciones.cabeceras };
  const crudo = cuerpo instanceof Blob;
  if (cuerpo !== undefined && !crudo) headers['Content-Type'] = 'application/json';
  let respuesta;
  try {
    respuesta = await fetch(url(ruta), {
      method: metodo,
      headers,
      body: cuerpo === undefined ? undefined : crudo ? cuerpo : JSON.stringify(cuerpo),
      signal: AbortSignal.timeout(opciones.esperar ?? WAIT_MS),
    });
  } catch (causa) {
    throw new Problema(0, { codigo: 'sin_conexion', error: String(causa) });
  }
  const texto = await respuesta.text();
  const datos = texto ? parse(texto) : null;
  if (respuesta.ok) return datos;
  if (respuesta.status === 401) dispatchEvent(new Event('sin-credencial'));
  await loadTexts('errores').catch(() => {}); // what it says is told in Spanish then
  throw new Problema(respuesta.status, datos ?? {});
}

/** @param {string} texto @returns {any} */
function parse(texto) {
  try {
    return JSON.parse(texto);
  } catch {
    return { error: texto.slice(0, 200) };
  }
}

/** @param {string} ruta */
export const get = (ruta) => request('GET', ruta);
/** @param {string} ruta @param {any} [cuerpo] */
export const post = (ruta, cuerpo) => request('POST', ruta, cuerpo);
/** @param {string} ruta @param {any} cuerpo @param {Record<string, string>} [cabeceras] */
export const put = (ruta, cuerpo, cabeceras) => request('PUT', ruta, cuerpo, { cabeceras });
/** @param {string} ruta */
export const del = (ruta) => request('DELETE', ruta);
