/** Devices that come into the house: who spoke and is nobody's, by QR in three ways, or one that is set up by hand. */
import { get, post } from '../api.js';
import { casa } from '../casa.js';
import { attempt, say } from '../decir.js';
import { fill, h, icono, loadStyle } from '../dom.js';
import { confirm, form, page, secret } from '../formulario.js';
import { ago, sorry, t } from '../i18n.js';
import { iconOf, parameterName, parametersOf, valueText } from '../medidas.js';
import { hasCamera, readPhoto, understand, watch } from '../qr.js';

/** @typedef {import('../qr.js').Pegatina} Pegatina */
/** @typedef {import('../casa.js').Dispositivo} Dispositivo */

const KINDS = { LGT0: 'luz', FAN0: 'ventilador', SHD0: 'persiana', DRL0: 'puerta', RGD0: 'riego', CAM0: 'camara', PLG0: 'enchufe', TMP0: 'temperatura', CO20: 'aire', LUX0: 'sol', SND0: 'ruido', MOV0: 'movimiento', SMK0: 'humo' };
const ACTUATORS = ['LGT0', 'FAN0', 'SHD0', 'DRL0', 'RGD0', 'CAM0', 'PLG0'];

/** @param {HTMLElement} donde @param {import('../rutas.js').Destino} destino */
export async function show(donde, { consulta }) {
  await loadStyle('mas');
  const vista = new Alta(donde);
  const qr = consulta.get('qr');
  if (qr) vista.take(qr);
  else vista.start();
  return () => vista.close();
}

class Alta {
  /** @param {HTMLElement} donde */
  constructor(donde) {
    this.donde = donde;
    /** @type {(() => void)[]} */
    this.alSalir = [];
  }

  close() {
    this.alSalir.forEach((f) => f());
    this.alSalir = [];
  }

  /** @param {string} titulo @param {...import('../dom.js').Hijo} hijos */
  view(titulo, ...hijos) {
    this.close();
    page(this.donde, titulo, hijos);
    const vuelta = /** @type {HTMLAnchorElement} */ (this.donde.querySelector('.vuelta'));
    vuelta.href = '#/';
    vuelta.lastChild?.replaceWith(t('casa'));
    this.donde.querySelector('.mas')?.classList.add('anadir', 'columnas');
    scrollTo(0, 0);
  }

  start() {
    const buzon = h('ul', { class: 'lista', 'aria-live': 'polite' });
    const draw = () => fill(buzon, this.inbox());
    const pegado = form([{ nombre: 'texto', etiqueta: t('anadir.escrito'), ayuda: t('anadir.escrito_ayuda'), mas: { required: true, autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false' } }], t('anadir.seguir'), async ({ texto }) => this.take(texto));
    this.view(t('anadir_dispositivo'),
      h('section', null, h('h2', null, t('anadir.buzon')), buzon),
      h('section', { class: 'tarjeta' }, h('h2', null, t('anadir.con_qr')), this.photo(), hasCamera() ? h('button', { class: 'boton plano', onclick: () => void this.camera() }, icono('camara'), t('anadir.camara')) : h('small', null, t('anadir.sin_camara')), pegado),
      h('section', { class: 'tarjeta' }, h('h2', null, t('anadir.propio')), h('p', null, t('anadir.propio_que')), h('button', { class: 'boton plano', onclick: () => void attempt(this.setup('')) }, icono('ajustes'), t('anadir.propio_ver'))));
    draw();
    this.alSalir.push(casa.on('dispositivo', (d) => d.reclamado || draw()), casa.on('lista', draw), casa.on('tic', draw));
  }

  inbox() {
    const sueltos = [...casa.dispositivos.values()].filter((d) => !d.reclamado).sort((a, b) => b.id - a.id);
    if (!sueltos.length) return h('li', { class: 'vacio' }, icono('pulso'), h('p', null, t('anadir.buzon_vacio')));
    return sueltos.map((d) => h('li', { class: 'tarjeta fila' }, icono(iconOf(d)), h('p', { class: 'crece' }, h('strong', null, d.serial_number), h('br'), h('small', null, [guess(d.serial_number), ...parametersOf(d).slice(0, 3).map((p) => `${parameterName(p)}: ${valueText(p, d.parametros[p])}`), d.visto_en && ago(d.visto_en)].filter(Boolean).join(' · '))),
      h('div', { class: 'fila' }, casa.may('administrar') && h('button', { class: 'boton plano', onclick: () => void this.ignore(d) }, t('anadir.ignorar')), h('button', { class: 'boton', onclick: () => this.claim({ serial_number: d.serial_number }) }, t('anadir.es_mio')))));
  }

  /** @param {Dispositivo} d */
  async ignore(d) {
    if (await confirm(t('anadir.ignorar_a', { serie: d.serial_number }), t('anadir.ignorar_que'), t('anadir.ignorar'))) await attempt(post('ignorados', { patron: d.serial_number }));
  }

  photo() {
    const dicho = h('p', { role: 'status' });
    const campo = h('input', { type: 'file', accept: 'image/*', capture: 'environment', class: 'solo-voz', onchange: async () => {
      const archivo = campo.files?.[0];
      campo.value = '';
      if (!archivo) return;
      dicho.textContent = t('anadir.mirando');
      try {
        const textos = await readPhoto(archivo);
        dicho.textContent = textos.length ? '' : t('anadir.sin_qr');
        if (textos.length) this.take(textos.find((x) => understand(x)) ?? textos[0]);
      } catch (error) {
        dicho.textContent = sorry(error);
      }
    } });
    return [h('label', { class: 'boton' }, icono('qr'), t('anadir.foto'), campo), dicho];
  }

  async camera() {
    const video = h('video', { class: 'camara', muted: true, playsinline: true, 'aria-label': t('anadir.camara') });
    this.view(t('anadir.camara'), video, h('p', { role: 'status' }, t('anadir.apunta')), h('button', { class: 'boton plano', onclick: () => this.start() }, t('cancelar')));
    try {
      const parar = await watch(video, (textos) => this.take(textos.find((x) => understand(x)) ?? textos[0]));
      if (video.isConnected) this.alSalir.push(parar);
      else parar();
    } catch (error) {
      say(t('anadir.sin_permiso'), { mal: true });
      this.start();
    }
  }

  /** A text from anywhere. @param {string} texto */
  take(texto) {
    const dicho = understand(texto);
    if (dicho) return this.claim(dicho);
    this.start();
    say(t('anadir.no_es'), { mal: true });
  }

  /** @param {Pegatina} p */
  claim(p) {
    const oido = [...casa.dispositivos.values()].find((d) => d.serial_number === p.serial_number);
    if (oido?.reclamado) return this.mine(oido);
    const salas = /** @type {[string, string][]} */ ([['', t('sin_habitacion')], ...casa.habitaciones.map((r) => [String(r.id), r.nombre])]);
    const tipo = p.tipo ?? (ACTUATORS.includes(p.serial_number.slice(0, 4)) ? 'actuador' : 'sensor');
    const espera = h('p', { class: 'avisa', role: 'status' });
    const enviar = form([
      { nombre: 'nombre', etiqueta: t('nombre'), valor: p.nombre ?? guess(p.serial_number), mas: { required: true, maxlength: 80 } },
      { nombre: 'habitacion', etiqueta: t('anadir.habitacion'), opciones: salas },
      { nombre: 'tipo', etiqueta: t('anadir.tipo'), valor: tipo, opciones: [['sensor', t('anadir.sensor')], ['actuador', t('anadir.actuador')], ...(['sensor', 'actuador'].includes(tipo) ? [] : [/** @type {[string, string]} */ ([tipo, tipo])])] },
      ...(p.codigo ? [] : [{ nombre: 'codigo', etiqueta: t('anadir.codigo'), ayuda: t('anadir.codigo_ayuda'), mas: { autocomplete: 'off' } }]),
    ], t('anadir.reclamar'), (datos) => this.send(p, datos, enviar, espera), espera);
    this.view(t('anadir.reclamar_a'), h('p', { class: 'tarjeta fila' }, icono(iconOf(/** @type {any} */ ({ ...p, nombre: p.nombre ?? '', parametros: oido?.parametros ?? {} }))), h('span', null, h('strong', null, p.serial_number), h('br'), h('small', null, [p.modelo, p.descripcion].filter(Boolean).join(' · ')))), enviar,
      h('button', { class: 'boton plano', onclick: () => this.start() }, t('volver')));
  }

  /** @param {Pegatina} p @param {Record<string, string>} datos @param {HTMLFormElement} forma @param {HTMLElement} espera */
  async send(p, datos, forma, espera) {
    const { habitacion, codigo, ...resto } = datos;
    const cuerpo = { ...p, ...resto, ...((p.codigo ?? codigo) && { codigo: p.codigo ?? codigo }) };
    try {
      const { id } = await post('dispositivos/reclamar', cuerpo);
      if (habitacion) await casa.change(id, { habitacion_id: Number(habitacion) });
      casa.take(await get(`dispositivos/${id}`));
      this.done(id, datos.nombre);
    } catch (error) {
      const { codigo: cual } = /** @type {{codigo?: string}} */ (error);
      if (cual !== 'dispositivo_no_detectado') throw error;
      espera.textContent = t('anadir.no_oido');
      const quitar = casa.on('dispositivo', (d) => d.serial_number === p.serial_number && (quitar(), forma.requestSubmit()));
      this.alSalir.push(quitar);
    }
  }

  /** @param {number} id @param {string} nombre */
  done(id, nombre) {
    this.view(t('anadir.hecho'), h('div', { class: 'vacio' }, icono('bien'), h('p', null, t('anadir.hecho_que', { nombre })),
      h('a', { class: 'boton', href: `#/dispositivo/${id}` }, t('anadir.ver')), h('button', { class: 'boton plano', onclick: () => this.start() }, t('anadir.otro')),
      h('button', { class: 'boton plano', onclick: () => void attempt(this.setup(String(id))) }, t('anadir.propio_ver'))));
    this.donde.querySelector('h1')?.setAttribute('tabindex', '-1');
    this.donde.querySelector('h1')?.focus();
  }

  /** @param {Dispositivo} d */
  async mine(d) {
    const { usuario } = await get(`dispositivos/${d.id}/reclamacion`).catch(() => ({ usuario: null }));
    this.view(t('anadir.ya'), h('p', null, usuario ? t('anadir.ya_de', { usuario }) : t('anadir.ya_casa')), h('a', { class: 'boton', href: `#/dispositivo/${d.id}` }, t('anadir.ver')));
  }

  /** The lines for a device's own setup. @param {string} cual id of a device that is already here, or '' */
  async setup(cual) {
    const d = casa.dispositivos.get(Number(cual));
    const { mqtt, pagina } = await get('direcciones');
    const serie = d?.serial_number ?? 'MIO0000001';
    const clave = h('div', { 'aria-live': 'polite' });
    this.view(t('anadir.propio'), !mqtt.anfitrion && h('p', { class: 'avisa' }, t('anadir.broker_cerrado')),
      h('dl', { class: 'numeros' }, [[t('anadir.broker'), mqtt.anfitrion ?? '127.0.0.1'], [t('anadir.puerto'), mqtt.tls_puerto ? `${mqtt.puerto}, TLS ${mqtt.tls_puerto}` : mqtt.puerto], [t('anadir.tema'), `dispositivos/${serie}/estado`], [t('anadir.escucha'), `dispositivos/${serie}/configuracion`]].map(([k, v]) => [h('dt', null, k), h('dd', null, h('code', null, String(v)))])),
      d ? [h('button', { class: 'boton', onclick: async () => {
        const c = await attempt(post(`dispositivos/${d.id}/credencial`));
        if (c) fill(clave, h('p', null, t('anadir.una_vez')), secret(c.usuario), secret(c.clave), h('small', { lang: 'es' }, c.detalle));
      } }, icono('llave'), t('anadir.credencial')), clave] : this.byHand(),
      h('section', null, h('h2', null, t('anadir.prueba')), h('pre', null, lines(mqtt, serie)), h('h2', null, 'ESPHome'), h('pre', null, esphome(mqtt, serie))),
      pagina && h('section', null, h('h2', null, t('anadir.enlace')), h('p', { class: 'suave' }, t('anadir.enlace_que')), h('img', { class: 'qr', width: 220, height: 220, alt: t('anadir.enlace'), src: `qr.svg?texto=${encodeURIComponent(`${pagina}#/anadir?qr=${serie}`)}` })));
  }

  /** Have a device before it speaks, so that it can be given a user of the broker. */
  byHand() {
    return form([{ nombre: 'serial_number', etiqueta: t('anadir.serie'), ayuda: t('anadir.serie_ayuda'), mas: { required: true, pattern: '[A-Za-z0-9._:\\-]{1,100}', autocomplete: 'off' } }, { nombre: 'nombre', etiqueta: t('nombre'), mas: { required: true, maxlength: 80 } },
      { nombre: 'tipo', etiqueta: t('anadir.tipo'), opciones: [['sensor', t('anadir.sensor')], ['actuador', t('anadir.actuador')]] }], t('anadir.crear'), async (datos) => {
      const { id } = await post('dispositivos', datos);
      await post('dispositivos/reclamar', { serial_number: datos.serial_number });
      casa.take(await get(`dispositivos/${id}`));
      await this.setup(String(id));
    });
  }
}

/** What a serial number's beginning says it is. @param {string} serie */
function guess(serie) {
  const clase = /** @type {Record<string, string>} */ (KINDS)[serie.slice(0, 4)];
  return clase ? t(`clase.${clase}`) : '';
}

/** @param {any} mqtt @param {string} serie */
function lines(mqtt, serie) {
  const a = `-h ${mqtt.anfitrion ?? '127.0.0.1'} -p ${mqtt.puerto} -u ${serie} -P CLAVE`;
  return `mosquitto_pub ${a} -q 1 -t dispositivos/${serie}/estado \\\n  -m '{"estado":"activo","parametros":{"temperatura":21.5}}'\n\nmosquitto_sub ${a} -t dispositivos/${serie}/configuracion`;
}

/** @param {any} mqtt @param {string} serie */
const esphome = (mqtt, serie) => `mqtt:
  broker: ${mqtt.anfitrion ?? '127.0.0.1'}
  port: ${mqtt.puerto}
  username: ${serie}
  password: CLAVE
  discovery: false
  will_message:  {topic: dispositivos/${serie}/disponible, payload: offline, qos: 1, retain: true}
  birth_message: {topic: dispositivos/${serie}/disponible, payload: online, qos: 1, retain: true}
  on_json_message:
    topic: dispositivos/${serie}/configuracion
    then:
      - if:
          condition: {lambda: 'return x["encendido"];'}
          then: [switch.turn_on: rele]
          else: [switch.turn_off: rele]`;
