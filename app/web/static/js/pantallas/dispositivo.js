/** One device: what it is, how it was, why; what was asked of it; its configuration. */
import { del, get, post, put, url } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { fill, h, icono, setAttr, setText } from '../dom.js';
import { stateWords } from '../elementos/ficha.js';
import { Grafica } from '../elementos/grafica.js';
import { Interruptor } from '../elementos/interruptor.js';
import { Tira } from '../elementos/tira.js';
import { confirm, form } from '../formulario.js';
import { ago, date, moment, said, sorry, t, when } from '../i18n.js';
import { iconOf, judgement, nameOf, parameterName, parametersOf, power, switches, value, valueText } from '../medidas.js';
import { closeSheet } from '../rutas.js';

/** @typedef {import('../casa.js').Dispositivo} Dispositivo */

/** @param {HTMLElement} donde @param {import('../rutas.js').Destino} destino */
export async function show(donde, { partes }) {
  const id = Number(partes[0]);
  if (!casa.dispositivos.has(id)) casa.take(await get(`dispositivos/${id}`));
  const vista = new Vista(donde, /** @type {Dispositivo} */ (casa.dispositivos.get(id)));
  return () => vista.close();
}

class Vista {
  /** @param {HTMLElement} donde @param {Dispositivo} d */
  constructor(donde, d) {
    this.id = d.id;
    this.titulo = h('h1');
    this.lugar = h('p', { class: 'suave' });
    this.vida = h('p', { class: 'vida' });
    this.dice = h('p', { class: 'dice', role: 'status' });
    this.ayuda = h('p', { class: 'suave' });
    this.mando = new Interruptor();
    this.valores = h('dl', { class: 'valores' });
    this.porque = h('div');
    this.marca = h('span', { class: 'marca' });
    fill(donde, h('article', { class: 'dispositivo' },
      h('div', { class: 'cabecera' }, this.marca, h('div', { class: 'crece' }, this.titulo, this.lugar), h('button', { class: 'boton plano redondo', 'aria-label': t('cerrar'), onclick: closeSheet }, icono('cerrar'))),
      h('section', { class: 'tarjeta mando' }, h('div', { class: 'fila' }, h('div', { class: 'crece' }, this.dice, this.ayuda), switches(d) && this.mando), this.valores, this.vida),
      this.charts(d),
      switches(d) && this.section('porque', () => this.why(), true), this.section('ordenes', (hueco) => this.orders(hueco)), this.section('registro', (hueco) => this.logs(hueco)),
      this.section('ajustes', (hueco) => this.settings(hueco))));
    this.draw(d);
    this.quitar = [
      casa.on('dispositivo', (x) => x.id === this.id && this.draw(x)),
      casa.on('lista', () => this.redraw()), casa.on('tic', () => this.redraw()),
      casa.on('orden', (o) => o.dispositivo_id === this.id && donde.querySelectorAll('details[data-de="ordenes"][open], details[data-de="porque"][open]').forEach((x) => x.dispatchEvent(new Event('toggle')))),
    ];
  }

  close() {
    this.quitar.forEach((q) => q());
  }

  redraw() {
    const d = casa.dispositivos.get(this.id);
    if (d) this.draw(d);
    else closeSheet();
  }

  /** @param {Dispositivo} d */
  draw(d) {
    setText(this.titulo, nameOf(d));
    setText(this.lugar, [casa.roomOf(d), d.tipo, d.modelo !== 'desconocido' && d.modelo].filter(Boolean).join(' · '));
    if (this.dibujo !== iconOf(d)) this.marca.replaceChildren(icono((this.dibujo = iconOf(d))));
    setAttr(this.marca, 'data-encendido', switches(d) && power(d).encendido);
    setText(this.dice, stateWords(d));
    setText(this.ayuda, advice(d));
    this.mando.dispositivo = d;
    const ps = parametersOf(d);
    const dibujo = JSON.stringify(d.parametros);
    if (this.valores.dataset.v !== dibujo) fill(this.valores, ps.map((p) => figure(p, d.parametros[p])));
    this.valores.dataset.v = dibujo;
    setText(this.vida, d.visto_en ? t('dispositivo.visto', { hace: ago(d.visto_en), cuando: moment(d.visto_en) }) : t('nunca_visto'));
  }

  /** @param {Dispositivo} d */
  charts(d) {
    const numeros = parametersOf(d).filter((p) => typeof d.parametros[p] === 'number');
    const logicos = parametersOf(d).filter((p) => typeof d.parametros[p] === 'boolean');
    const tira = [...(switches(d) ? ['estado'] : []), ...logicos];
    return [numeros.length > 0 && h('section', { class: 'tarjeta' }, chart(d.id, numeros)), tira.length > 0 && h('section', { class: 'tarjeta' }, h('h2', null, t('dispositivo.cuando')), strip(d.id, tira))];
  }

  /** A part that asks for its data when it is opened. @param {string} nombre @param {(hueco: HTMLElement) => Promise<any> | any} load @param {boolean} [abierta] */
  section(nombre, load, abierta = false) {
    const hueco = nombre === 'porque' ? this.porque : h('div');
    const caja = h('details', { class: 'tarjeta', 'data-de': nombre, '.open': abierta, ontoggle: () => caja.open && void Promise.resolve(load(hueco)).catch((e) => fill(hueco, h('p', { class: 'mal' }, sorry(e)))) }, h('summary', null, h('h2', null, t(`dispositivo.${nombre}`))), hueco);
    return caja;
  }

  async why() {
    const p = await get(`dispositivos/${this.id}/porque`);
    fill(this.porque, h('p', null, p.frase), p.cadena.length > 1 && h('ol', { class: 'cadena' }, p.cadena.map((/** @type {any} */ c) => h('li', null, h('time', { datetime: c.cuando }, moment(c.cuando)), ` ${c.frase}`))));
  }

  /** @param {HTMLElement} hueco */
  async orders(hueco) {
    const { data } = await get(`dispositivos/${this.id}/ordenes?per_page=10`);
    fill(hueco, data.length ? h('ul', { class: 'lista corta' }, data.map((/** @type {any} */ o) => h('li', null,
      h('time', { datetime: o.creada_en }, moment(o.creada_en)), h('p', null, [...new Set(Object.entries(o.cambios).reverse().map(([k, v]) => changeWords(k, v)))].filter(Boolean).join(', '), ' · ', h('span', { class: { aplicada: 'bien', rechazada: 'mal', expirada: 'mal' }[/** @type {string} */ (o.estado)] ?? '' }, t(`orden.${o.estado}`)), h('small', null, whyNot(o)),
        h('br'), h('small', null, cause(o.causa)))))) : h('p', { class: 'suave' }, t('dispositivo.sin_ordenes')));
  }

  /** @param {HTMLElement} hueco */
  logs(hueco) {
    let cursor = '';
    const lista = h('ul', { class: 'lista corta' });
    const mas = h('button', { class: 'boton plano', onclick: () => void attempt(load()) }, t('dispositivo.mas_antiguo'));
    const estado = h('select', { 'aria-label': t('dispositivo.filtro'), onchange: () => ((cursor = ''), lista.replaceChildren(), void attempt(load())) }, ['', 'activo', 'inactivo'].map((v) => h('option', { value: v }, t(`estado.${v || 'todo'}`))));
    const load = async () => {
      const dicho = await get(`dispositivos/${this.id}/logs?per_page=30&cursor=${encodeURIComponent(cursor)}${estado.value ? `&estado=${estado.value}` : ''}`);
      lista.append(...dicho.data.map((/** @type {any} */ fila) => logRow(fila, casa.dispositivos.get(this.id)?.tipo === 'sensor')));
      cursor = dicho.cursor ?? '';
      mas.hidden = !cursor;
    };
    fill(hueco, h('div', { class: 'fila' }, estado, ['csv', 'ndjson'].map((f) => h('a', { class: 'boton plano', href: url(`dispositivos/${this.id}/exportar?formato=${f}`), download: '' }, f.toUpperCase()))), lista, mas);
    return load();
  }

  /** @param {HTMLElement} hueco */
  settings(hueco) {
    const d = /** @type {Dispositivo} */ (casa.dispositivos.get(this.id));
    const { modo = 'manual', intervalo_envio = '', horarios, encendido, ...resto } = d.configuracion;
    const salas = /** @type {[string, string][]} */ ([['', t('sin_habitacion')], ...casa.habitaciones.map((r) => [String(r.id), r.nombre])]);
    fill(hueco, casa.may('gestionar') && form([
      { nombre: 'nombre', etiqueta: t('nombre'), valor: d.nombre, mas: { required: true, maxlength: 80 } },
      { nombre: 'descripcion', etiqueta: t('dispositivo.descripcion'), valor: d.descripcion, mas: { maxlength: 255 } },
      { nombre: 'habitacion', etiqueta: t('dispositivo.habitacion'), valor: d.habitacion_id ?? '', opciones: salas },
      { nombre: 'modo', etiqueta: t('dispositivo.modo'), valor: modo, opciones: [['manual', t('dispositivo.manual')], ['horario', t('dispositivo.horario')]] },
      { nombre: 'intervalo', etiqueta: t('dispositivo.intervalo'), valor: intervalo_envio, tipo: 'number', mas: { min: 1, max: 86400 } },
    ], t('guardar'), (datos) => this.save(d, datos, hueco)),
    h('p', null, h('a', { href: `#/horario/${d.id}` }, t('dispositivo.ver_horario'))),
    h('details', null, h('summary', null, t('detalles')), h('dl', { class: 'numeros' }, [['serial_number', d.serial_number], ['version', d.version], ...Object.entries(resto).map(([k, v]) => [k, JSON.stringify(v)])].map(([k, v]) => [h('dt', null, String(k)), h('dd', null, String(v))]))),
    h('div', { class: 'fila' }, d.reclamado && casa.may('gestionar') && h('button', { class: 'boton plano', onclick: () => this.end('liberar', () => post(`dispositivos/${d.id}/liberar`)) }, t('dispositivo.liberar')),
      casa.may('administrar') && h('button', { class: 'boton malo', onclick: () => this.end('borrar', () => del(`dispositivos/${d.id}`)) }, t('dispositivo.borrar'))));
  }

  /** Only what was changed is asked for, and only if nobody else changed it meanwhile. @param {Dispositivo} d @param {Record<string, string>} datos @param {HTMLElement} hueco */
  async save(d, datos, hueco) {
    const c = d.configuracion;
    const configuracion = { ...(datos.modo !== (c.modo ?? 'manual') && { modo: datos.modo }), ...(datos.intervalo !== String(c.intervalo_envio ?? '') && datos.intervalo && { intervalo_envio: Number(datos.intervalo) }) };
    const habitacion_id = datos.habitacion ? Number(datos.habitacion) : null;
    const nuevo = await put(`dispositivos/${d.id}`, { nombre: datos.nombre, descripcion: datos.descripcion, ...(habitacion_id !== d.habitacion_id && { habitacion_id }), ...(Object.keys(configuracion).length && { configuracion }) });
    casa.take(nuevo);
    await casa.refresh();
    this.settings(hueco);
    say(t('guardado'));
  }

  /** @param {'liberar' | 'borrar'} que @param {() => Promise<any>} hacer */
  async end(que, hacer) {
    const nombre = nameOf(/** @type {Dispositivo} */ (casa.dispositivos.get(this.id)));
    if (!(await confirm(`${t(`dispositivo.${que}`)}: ${nombre}`, t(`dispositivo.${que}_que`), t(`dispositivo.${que}`)))) return;
    const antes = casa.dispositivos.has(this.id);
    const hecho = await attempt(hacer().then(() => true));
    if (hecho && antes) closeSheet();
  }
}

/** @param {number} id @param {string[]} parametros */
function chart(id, parametros) {
  const el = new Grafica();
  el.show(id, parametros);
  return el;
}

/** @param {number} id @param {string[]} parametros */
function strip(id, parametros) {
  const el = new Tira();
  void el.show(id, parametros);
  return el;
}

/** @param {string} p @param {any} v */
function figure(p, v) {
  const { texto, unidad } = value(p, v);
  return h('div', null, h('dt', null, parameterName(p)), h('dd', null, texto, unidad && h('small', null, ` ${unidad}`), judgement(p, v) && h('small', null, ` ${judgement(p, v)}`)));
}

/** What to do when what was asked for did not come about. @param {Dispositivo} d */
function advice(d) {
  const { asunto } = power(d);
  if (asunto === 'abierta') return t('dispositivo.espera');
  if (asunto) return t(`dispositivo.${asunto}`);
  return d.conectividad?.estado === 'fuera' ? t('dispositivo.fuera') : '';
}

/** @param {string} k */
const settingName = (k) => (k === 'modo' ? t('dispositivo.modo') : k === 'intervalo_envio' ? t('dispositivo.intervalo') : parameterName(k));

/** @param {string} k @param {any} v */
function changeWords(k, v) {
  if (k === 'encendido') return t(v ? 'dispositivo.encender' : 'dispositivo.apagar');
  if (k === 'anulacion') return v?.hasta ? t('dispositivo.aparte', { cuando: when(v.hasta) }) : '';
  if (['horarios', 'excepciones', 'festivos', 'saltar'].includes(k)) return t('dispositivo.cambio_horario');
  return `${settingName(k)}: ${typeof v === 'object' ? JSON.stringify(v) : v}`;
}

/** Why an order was not carried out, when more is known than that: the device's own reason, or what it went on saying. @param {any} o */
function whyNot({ estado, motivo }) {
  const [, sigue, otra] = /^el dispositivo (?:sigue ((?:in)?activo)|dice otra cosa de (\w+))$/.exec(motivo) ?? [];
  const dicho = sigue ? t(`orden.sigue_${sigue}`) : otra ? t('orden.otra_cosa', { que: settingName(otra) }) : estado === 'rechazada' ? motivo : '';
  return dicho && ` (${dicho})`;
}

/** Who or what wanted it. @param {any} c */
const cause = (c) => [t(`causa.${c.tipo}`), c.nombre ?? said(c.quien ?? '')].filter(Boolean).join(' · ');

/** @param {any} fila @param {boolean} sensor whose being on says nothing, while its values do */
function logRow(fila, sensor) {
  const valores = Object.entries(fila.parametros ?? {}).map(([p, v]) => `${parameterName(p)} ${valueText(p, v)}`).join(' · ');
  const segundos = date(fila.timestamp, { second: '2-digit' }).padStart(2, '0');
  const calla = sensor && fila.estado === 'activo' && valores;
  return h('li', null, h('time', { datetime: fila.timestamp }, `${moment(fila.timestamp)}:${segundos}`), h('p', null, !calla && t(`estado.${fila.estado ?? 'desconocido'}`), valores && h('small', null, calla ? valores : ` · ${valores}`)));
}
