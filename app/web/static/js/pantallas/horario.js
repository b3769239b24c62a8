/** One device's schedule: the week, exceptions, what comes next, and stepping aside from it. */
import { del, get, post, put, request } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { ask, fill, h, icono } from '../dom.js';
import { Semana } from '../elementos/semana.js';
import { confirm, field, form } from '../formulario.js';
import { DAYS, areEvents, clock, dayName, parts, read, sun, words, write } from '../horario.js';
import { date, has, moment, sorry, t, when } from '../i18n.js';
import { nameOf } from '../medidas.js';
import { closeSheet } from '../rutas.js';

/** @typedef {import('../horario.js').Franja} Franja */
const KEYS = ['horarios', 'excepciones', 'festivos', 'modo'];

/** @param {HTMLElement} donde @param {import('../rutas.js').Destino} destino */
export async function show(donde, { partes }) {
  const d = await get(`dispositivos/${partes[0]}`);
  const editor = new Editor(donde, d);
  await editor.preview();
  return () => editor.close();
}

class Editor {
  /** @param {HTMLElement} donde @param {import('../casa.js').Dispositivo} d */
  constructor(donde, d) {
    this.id = d.id;
    this.puede = casa.may('controlar');
    /** @type {Franja[]} */
    this.franjas = [];
    /** @type {any[]} */
    this.excepciones = [];
    this.read(d);
    this.semana = new Semana();
    this.semana.addEventListener('cambio', () => this.touch());
    this.semana.addEventListener('editar', (e) => this.edit(/** @type {CustomEvent} */ (e).detail));
    this.avisos = h('ul', { class: 'puntos avisa', role: 'status' });
    this.previa = h('section', { class: 'tarjeta' });
    this.aparte = h('section', { class: 'tarjeta' });
    this.extras = h('section', { class: 'tarjeta' });
    this.lista = h('ul', { class: 'lista corta' });
    this.guardar = h('button', { class: 'boton', hidden: true, onclick: () => void this.save() }, t('guardar'));
    this.error = h('p', { class: 'mal', role: 'alert' });
    fill(donde, h('article', { class: 'horario' },
      h('div', { class: 'cabecera' }, h('div', { class: 'crece' }, h('h1', null, nameOf(d)), h('p', { class: 'suave' }, t('horario.de', { zona: d.configuracion.zona ?? casa.datos.zona }))), h('button', { class: 'boton plano redondo', 'aria-label': t('cerrar'), onclick: closeSheet }, icono('cerrar'))),
      this.mode(), h('section', { class: 'tarjeta semana' }, this.events(), this.semana, this.lista, this.avisos,
        this.puede && h('div', { class: 'fila' }, h('button', { class: 'boton plano', onclick: () => this.semana.add(0, 8 * 60) }, icono('anadir'), t('horario.nueva')), h('button', { class: 'boton plano', onclick: () => this.copy() }, t('horario.copiar_dia')))),
      this.extras, h('div', { class: 'guarda' }, this.error, this.guardar), this.previa, this.aparte));
    this.draw();
    this.salida = (/** @type {BeforeUnloadEvent} */ e) => this.tocado && e.preventDefault();
    addEventListener('beforeunload', this.salida);
    this.quitar = casa.on('dispositivo', (x) => x.id === this.id && x.configuracion.encendido !== this.era && ((this.era = x.configuracion.encendido), void this.preview().catch(() => {})));
  }

  close() {
    this.quitar();
    removeEventListener('beforeunload', this.salida);
    if (this.tocado) {
      sessionStorage.setItem(`horario-${this.id}`, JSON.stringify(this.body()));
      say(t('horario.sin_guardar'), { accion: t('volver'), hacer: () => (location.hash = `#/horario/${this.id}`) });
    }
  }

  /** A draft that was left is taken up again. @param {import('../casa.js').Dispositivo} d */
  read(d) {
    this.base = Object.fromEntries(KEYS.map((k) => [k, d.configuracion[k]]));
    const borrador = JSON.parse(sessionStorage.getItem(`horario-${d.id}`) ?? 'null');
    sessionStorage.removeItem(`horario-${d.id}`);
    const c = { ...this.base, ...borrador };
    this.tocado = Boolean(borrador);
    this.era = d.configuracion.encendido;
    this.eventos = areEvents(c.horarios);
    this.franjas = read(c.horarios);
    this.excepciones = structuredClone(c.excepciones ?? []);
    this.festivos = c.festivos ?? null;
    this.modo = c.modo ?? 'manual';
  }

  touch() {
    this.tocado = true;
    this.draw();
  }

  draw() {
    const ahora = new Date();
    const adelanto = (Number(date(ahora, { hour: '2-digit' })) * 60 + Number(date(ahora, { minute: 'numeric' }))) - (ahora.getUTCHours() * 60 + ahora.getUTCMinutes());
    this.semana.show(this.franjas, sun(casa.datos, adelanto), this.eventos || !this.puede);
    fill(this.lista, this.franjas.map((f, i) => h('li', null, h('span', null, words(f)), this.puede && !this.eventos && h('button', { class: 'boton plano redondo', 'aria-label': `${t('horario.cambiar')}: ${words(f)}`, onclick: () => this.edit(i) }, icono('lapiz')))));
    fill(this.extras, h('h2', null, t('horario.excepciones')), this.holidays(), h('ul', { class: 'lista corta' }, this.excepciones.map((x, i) => this.exception(x, i))),
      this.puede && h('button', { class: 'boton plano', onclick: () => this.editException() }, icono('anadir'), t('horario.excepcion_nueva')));
    this.guardar.hidden = !this.tocado || !this.puede;
  }

  mode() {
    return h('div', { class: 'fila', role: 'group', 'aria-label': t('horario.modo') }, ['manual', 'horario'].map((m) => {
      const boton = h('button', { class: 'pastilla', 'aria-pressed': String(this.modo === m), '.disabled': !this.puede, onclick: () => ((this.modo = m), boton.parentElement?.replaceWith(this.mode()), this.touch()) }, t(`horario.modo_${m}`));
      return boton;
    }));
  }

  /** The other shape is kept as it is until somebody wants windows. */
  events() {
    if (!this.eventos) return null;
    const caja = h('div', { class: 'fila' }, h('p', { class: 'crece' }, t('horario.eventos')), this.puede && h('button', { class: 'boton plano', onclick: () => (caja.remove(), (this.eventos = false), this.touch()) }, t('horario.convertir')));
    return caja;
  }

  holidays() {
    const { festivos } = this;
    const valor = festivos === null ? '' : typeof festivos === 'string' ? festivos : 'encendido' in festivos ? String(festivos.encendido) : 'otro';
    const opciones = /** @type {[string, string][]} */ ([['', t('horario.festivo_igual')], ...DAYS.map((d, i) => [d, t('horario.festivo_como', { dia: dayName(i) })]), ['false', t('horario.festivo_apagado')], ['true', t('horario.festivo_encendido')], ...(valor === 'otro' ? [['otro', t('horario.festivo_otro')]] : [])]);
    return field({ nombre: 'festivos', etiqueta: t('horario.festivos'), valor, opciones, mas: { '.disabled': !this.puede, onchange: (/** @type {Event} */ e) => {
      const { value } = /** @type {HTMLSelectElement} */ (e.target);
      if (value !== 'otro') this.festivos = value === '' ? null : DAYS.includes(value) ? value : { encendido: value === 'true' };
      this.touch();
    } } });
  }

  /** @param {any} x @param {number} i */
  exception(x, i) {
    const dia = (/** @type {string} */ f) => date(new Date(`${f}T12:00:00Z`), { day: 'numeric', month: 'short', ...(!x.cada_ano && { year: 'numeric' }) });
    const que = 'encendido' in x ? t(x.encendido ? 'encendido' : 'apagado') : t('horario.otro_programa');
    return h('li', null, h('p', { class: 'crece' }, h('strong', null, x.nombre || t('horario.excepcion')), h('br'), h('small', null, `${dia(x.desde)}${x.hasta && x.hasta !== x.desde ? ` – ${dia(x.hasta)}` : ''} · ${que}${x.cada_ano ? ` · ${t('horario.cada_ano')}` : ''}`)),
      this.puede && h('button', { class: 'boton plano redondo', 'aria-label': `${t('borrar')}: ${x.nombre ?? x.desde}`, onclick: () => (this.excepciones.splice(i, 1), this.touch()) }, icono('borrar')));
  }

  editException() {
    return ask(t('horario.excepcion_nueva'), (cerrar) => form([
      { nombre: 'nombre', etiqueta: t('nombre'), mas: { maxlength: 80 } },
      { nombre: 'desde', etiqueta: t('horario.desde'), tipo: 'date', mas: { required: true } }, { nombre: 'hasta', etiqueta: t('horario.hasta'), tipo: 'date' },
      { nombre: 'encendido', etiqueta: t('horario.todo_el_dia'), valor: 'false', opciones: [['false', t('apagado')], ['true', t('encendido')]] },
      { nombre: 'cada_ano', etiqueta: t('horario.repite'), valor: '', opciones: [['', t('no')], ['si', t('si')]] },
    ], t('anadir'), async (x) => {
      this.excepciones.push({ ...(x.nombre && { nombre: x.nombre }), desde: x.desde, hasta: x.hasta || x.desde, encendido: x.encendido === 'true', ...(x.cada_ano && { cada_ano: true }) });
      this.touch();
      cerrar(true);
    }));
  }

  /** @param {number} i */
  edit(i) {
    const f = this.franjas[i];
    if (!f) return;
    ask(t('horario.cambiar'), (cerrar) => [form([], t('horario.listo'), async (x) => {
      const dias = DAYS.map((_, d) => d).filter((d) => x[`dia${d}`]);
      if (!dias.length) throw new Error(t('horario.sin_dias'));
      Object.assign(f, { dias, inicio: time(x, 'inicio'), fin: time(x, 'fin') });
      this.touch();
      cerrar(true);
    }, h('fieldset', { class: 'dias' }, h('legend', null, t('horario.dias')), DAYS.map((_, d) => h('label', { class: 'pastilla' }, h('input', { type: 'checkbox', name: `dia${d}`, '.checked': f.dias.includes(d) }), dayName(d, 'short')))),
    ends('inicio', f.inicio), ends('fin', f.fin)),
    h('button', { class: 'boton malo', onclick: () => (this.franjas.splice(i, 1), this.touch(), cerrar(true)) }, t('borrar'))]);
  }

  /** What one day has, to others. */
  copy() {
    return ask(t('horario.copiar_dia'), (cerrar) => form([{ nombre: 'de', etiqueta: t('horario.de_dia'), opciones: DAYS.map((_, d) => [String(d), dayName(d)]) }], t('horario.copiar'), async (x) => {
      const a = DAYS.map((_, d) => d).filter((d) => x[`dia${d}`] && d !== Number(x.de));
      for (const f of this.franjas) f.dias = [...new Set([...f.dias.filter((d) => !a.includes(d)), ...(f.dias.includes(Number(x.de)) ? a : [])])].sort();
      this.franjas.splice(0, this.franjas.length, ...this.franjas.filter((f) => f.dias.length));
      this.touch();
      cerrar(true);
    }, h('fieldset', { class: 'dias' }, h('legend', null, t('horario.a_dias')), DAYS.map((_, d) => h('label', { class: 'pastilla' }, h('input', { type: 'checkbox', name: `dia${d}` }), dayName(d, 'short'))))));
  }

  body() {
    const nuevo = { horarios: this.eventos ? this.base?.horarios : write(this.franjas), excepciones: this.excepciones, festivos: this.festivos, modo: this.modo };
    const antes = { horarios: areEvents(this.base?.horarios) ? this.base?.horarios : write(read(this.base?.horarios)), excepciones: this.base?.excepciones ?? [], festivos: this.base?.festivos ?? null, modo: this.base?.modo ?? 'manual' };
    return Object.fromEntries(Object.entries(nuevo).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(/** @type {any} */ (antes)[k])));
  }

  /** Nothing of somebody else's is overwritten unseen: what is there now is held against what this began from. */
  async save() {
    this.error.textContent = '';
    this.guardar.disabled = true;
    try {
      const ahora = await get(`dispositivos/${this.id}`);
      const ajeno = KEYS.some((k) => JSON.stringify(ahora.configuracion[k]) !== JSON.stringify(this.base?.[k]));
      if (ajeno && !(await confirm(t('horario.cambio_otro'), t('horario.cambio_otro_que'), t('horario.guardar_mio')))) return;
      const hecho = await put(`dispositivos/${this.id}`, { configuracion: this.body() }, { 'If-Match': `"${ahora.version}"` });
      this.tocado = false;
      this.read(hecho);
      casa.take(hecho);
      this.draw();
      say(t('guardado'));
      await this.preview();
    } catch (error) {
      this.error.textContent = sorry(error);
    } finally {
      this.guardar.disabled = false;
    }
  }

  async preview() {
    const p = await get(`dispositivos/${this.id}/horario/previa`);
    const manda = this.base?.modo === 'horario';
    this.warn(p.avisos);
    const propias = p.gobierna === 'backend' && manda && this.puede;
    fill(this.previa, h('h2', null, t('horario.previa')), p.gobierna === 'dispositivo' && h('p', { class: 'suave' }, t('horario.gobierna_dispositivo')),
      !manda ? h('p', { class: 'suave' }, t('horario.no_manda')) : p.transiciones.length ? h('ol', { class: 'lista corta' }, p.transiciones.slice(0, 5).map((/** @type {any} */ x) => h('li', null, h('time', { datetime: x.instante }, moment(x.instante)), h('p', null, t(x.encendido ? 'horario.se_enciende' : 'horario.se_apaga'), x.capa !== 'semana' && h('small', null, ` · ${t(`horario.capa_${x.capa}`)}`))))) : h('p', { class: 'suave' }, t('horario.nada_viene')));
    const d = await get(`dispositivos/${this.id}`);
    casa.take(d);
    const c = d.configuracion;
    const hacer = (/** @type {Promise<any>} */ pedido) => void attempt(pedido.then(() => this.preview()));
    this.aparte.hidden = !propias;
    if (propias) fill(this.aparte, h('h2', null, t('horario.apartarse')),
      c.anulacion ? h('p', null, c.anulacion.hasta ? t(c.anulacion.encendido ? 'horario.anulado_si' : 'horario.anulado_no', { cuando: when(c.anulacion.hasta) }) : t('horario.anulado')) : null,
      h('div', { class: 'fila' }, c.anulacion ? h('button', { class: 'boton plano', onclick: () => hacer(del(`dispositivos/${this.id}/horario/anular`)) }, t('horario.volver_a_el'))
        : [true, false].map((v) => h('button', { class: 'boton plano', onclick: () => this.stepAside(v, hacer) }, t(v ? 'horario.encender_rato' : 'horario.apagar_rato'))),
      h('button', { class: 'boton plano', onclick: () => hacer(post(`dispositivos/${this.id}/horario/saltar`)) }, t('horario.saltar')),
      (c.saltar ?? []).length > 0 && h('button', { class: 'boton plano', onclick: () => hacer(request('DELETE', `dispositivos/${this.id}/horario/saltar`)) }, t('horario.no_saltar'))));
  }

  /** @param {{codigo: string, mensaje: string, campo: string}} a */
  remark({ codigo, mensaje, campo }) {
    const franja = this.franjas[Number(/horarios\[(\d+)\]/.exec(campo)?.[1])];
    return has(`dicho.${codigo}`) ? h('li', null, t(`dicho.${codigo}`, { franja: franja ? words(franja) : '' })) : h('li', { lang: 'es' }, mensaje);
  }

  /** What the linter says of what is saved. @param {{codigo: string, mensaje: string, campo: string}[]} avisos */
  warn(avisos) {
    const sinLugar = avisos.some((a) => a.codigo === 'sin_coordenadas');
    fill(this.avisos, sinLugar && h('li', null, t('horario.sin_lugar'), ' ', h('a', { href: '#/mas/casa' }, t('horario.poner_lugar'))),
      avisos.filter((a) => !['sin_coordenadas', 'modo_manual'].includes(a.codigo)).map((a) => this.remark(a)));
  }

  /** @param {boolean} encendido @param {(pedido: Promise<any>) => void} hacer */
  stepAside(encendido, hacer) {
    return ask(t(encendido ? 'horario.encender_rato' : 'horario.apagar_rato'), (cerrar) => form([{ nombre: 'dura', etiqueta: t('horario.cuanto'), valor: '3600', opciones: [['', t('horario.hasta_proximo')], ...[1800, 3600, 7200, 14400, 86400].map((s) => /** @type {[string, string]} */ ([String(s), s < 3600 ? t('horario.min', { n: s / 60 }) : t('horario.horas', { n: s / 3600 })]))] }], t('horario.listo'), async (x) => {
      hacer(post(`dispositivos/${this.id}/horario/anular`, { encendido, ...(x.dura && { durante_s: Number(x.dura) }) }));
      cerrar(true);
    }));
  }
}

/** The fields of one end of a window. @param {string} nombre @param {string} hora */
function ends(nombre, hora) {
  const { de, min } = parts(hora);
  const reloj = h('input', { type: 'time', name: nombre, '.value': de === 'hora' ? clock(min) : '08:00', 'aria-label': t(`horario.${nombre}`) });
  const margen = h('input', { type: 'number', name: `${nombre}_min`, '.value': String(de === 'hora' ? 0 : min), min: -720, max: 720, step: 5, 'aria-label': t('horario.minutos') });
  const tipo = h('select', { name: `${nombre}_de`, 'aria-label': t(`horario.${nombre}`), onchange: () => see() }, ['hora', 'amanecer', 'atardecer'].map((d) => h('option', { value: d, '.selected': d === de }, t(`horario.a_${d}`))));
  const see = () => ((reloj.hidden = tipo.value !== 'hora'), (margen.hidden = tipo.value === 'hora'));
  see();
  return h('fieldset', { class: 'extremo' }, h('legend', null, t(`horario.${nombre}`)), tipo, reloj, margen);
}

/** @param {Record<string, string>} x @param {string} nombre */
function time(x, nombre) {
  const de = x[`${nombre}_de`];
  const min = Number(x[`${nombre}_min`] || 0);
  return de === 'hora' ? x[nombre] : `${de}${min ? (min > 0 ? '+' : '') + min : ''}`;
}
