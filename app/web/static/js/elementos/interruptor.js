/** `<iot-interruptor>`: a switch that shows what is wanted, what is awaited and what is proven, and never takes one for another. */
import { casa } from '../casa.js';
import { attempt } from '../decir.js';
import { h, setAttr } from '../dom.js';
import { t } from '../i18n.js';
import { nameOf, power } from '../medidas.js';

/** @typedef {import('../casa.js').Dispositivo} Dispositivo */

export class Interruptor extends HTMLElement {
  constructor() {
    super();
    /** @type {Dispositivo | null} */
    this.d = null;
    this.pidiendo = false;
    this.boton = h('button', { type: 'button', role: 'switch', class: 'interruptor', onclick: () => this.toggle() }, h('span'));
  }

  connectedCallback() {
    this.append(this.boton);
  }

  /** @param {Dispositivo} d */
  set dispositivo(d) {
    this.d = d;
    const { asunto, querido, encendido } = power(d);
    const espera = this.pidiendo || asunto === 'abierta';
    setAttr(this.boton, 'aria-checked', String(asunto === 'abierta' ? querido : encendido));
    setAttr(this.boton, 'aria-label', t('interruptor', { nombre: nameOf(d) }));
    setAttr(this.boton, 'aria-busy', espera ? 'true' : null);
    setAttr(this.boton, 'data-asunto', espera ? 'abierta' : asunto || null);
    this.boton.disabled = !casa.may('controlar');
  }

  async toggle() {
    const d = this.d;
    if (!d || this.pidiendo) return;
    const { asunto, querido, encendido } = power(d);
    this.pidiendo = true;
    this.dispositivo = d;
    await attempt(casa.change(d.id, { encendido: !(asunto === 'abierta' ? querido : encendido) }));
    this.pidiendo = false;
    this.dispositivo = casa.dispositivos.get(d.id) ?? d;
  }
}
customElements.define('iot-interruptor', Interruptor);
