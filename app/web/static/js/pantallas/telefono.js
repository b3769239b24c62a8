/** This page on another phone: its address as a QR, trust in its certificate, and as an app. */
import { get, url } from '../api.js';
import { h } from '../dom.js';
import { page, secret } from '../formulario.js';
import { t } from '../i18n.js';

/** @param {HTMLElement} donde */
export async function show(donde) {
  const { pagina, https_puerto: autoridad } = await get('direcciones');
  const aqui = url('.');
  const propia = /^https?:\/\/(localhost|127\.|\[::1\])/.test(aqui);
  const direccion = propia ? (pagina ?? aqui) : aqui;
  page(donde, t('mas.telefono'),
    h('section', { class: 'tarjeta centro' }, h('h2', null, t('telefono.abrir')),
      propia && !pagina ? h('p', { class: 'avisa' }, t('telefono.solo_aqui')) : [h('img', { class: 'qr', src: url(`qr.svg?texto=${encodeURIComponent(direccion)}`), alt: t('telefono.qr', { direccion }), width: 240, height: 240 }), h('p', null, t('telefono.apunta'))],
      secret(direccion)),
    h('section', { class: 'tarjeta' }, h('h2', null, t('telefono.fiar')), h('p', null, t(autoridad ? 'telefono.fiar_que' : 'telefono.sin_https')), autoridad && h('a', { class: 'boton plano', href: url('autoridad') }, t('telefono.ver_autoridad'))),
    h('section', { class: 'tarjeta' }, h('h2', null, t('telefono.app')), h('p', null, t(isSecureContext ? 'telefono.app_que' : 'telefono.app_http'))));
}
