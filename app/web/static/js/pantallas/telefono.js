/** This page on another phone: its address as a QR, trust in its certificate, and as an app. */
import { request, url } from '../api.js';
import { casa } from '../casa.js';
import { h } from '../dom.js';
import { page, secret } from '../formulario.js';
import { t } from '../i18n.js';

/** @param {HTMLElement} donde */
export async function show(donde) {
  const direccion = casa.datos.direccion ?? url('.');
  const propia = /^https?:\/\/(localhost|127\.|\[::1\])/.test(direccion);
  const autoridad = await request('GET', 'autoridad', undefined, { cabeceras: { Accept: 'text/html' } }).then(() => true, () => false);
  page(donde, t('mas.telefono'),
    h('section', { class: 'tarjeta centro' }, h('h2', null, t('telefono.abrir')),
      propia ? h('p', { class: 'avisa' }, t('telefono.solo_aqui')) : [h('img', { class: 'qr', src: url(`qr.svg?texto=${encodeURIComponent(direccion)}`), alt: t('telefono.qr', { direccion }), width: 240, height: 240 }), h('p', null, t('telefono.apunta'))],
      secret(direccion)),
    h('section', { class: 'tarjeta' }, h('h2', null, t('telefono.fiar')), h('p', null, t(autoridad ? 'telefono.fiar_que' : 'telefono.sin_https')), autoridad && h('a', { class: 'boton plano', href: url('autoridad') }, t('telefono.ver_autoridad'))),
    h('section', { class: 'tarjeta' }, h('h2', null, t('telefono.app')), h('p', null, t(isSecureContext ? 'telefono.app_que' : 'telefono.app_http'))));
}
