/** QR codes: out of a photo or a live camera, read by the backend; and what a sticker says. */
import { request } from './api.js';

const SIDE = 1000; // pixels: as large as the backend takes, and enough for a sticker that fills a quarter of the photo
const LOOK_MS = 700;
const SERIAL = /^[A-Za-z0-9._:-]{1,100}$/;

/** @typedef {{serial_number: string, nombre?: string, tipo?: string, modelo?: string, descripcion?: string, configuracion?: any, codigo?: string}} Pegatina */

/** What a text says of a device: the JSON of a sticker, a link of ours, or a serial number; null when nothing. @param {string} texto @returns {Pegatina | null} */
export function understand(texto) {
  const llano = texto.trim();
  const enlace = /[?&]qr=([^&\s]+)/.exec(llano);
  if (enlace) return understand(decodeURIComponent(enlace[1]));
  try {
    const dicho = JSON.parse(llano);
    const serie = dicho?.serial_number ?? dicho?.serial;
    if (typeof serie === 'string' && SERIAL.test(serie)) return { ...dicho, serial_number: serie };
  } catch {
    // no JSON: perhaps a serial number as it is
  }
  return SERIAL.test(llano) ? { serial_number: llano } : null;
}

/** @param {CanvasImageSource} imagen @param {number} ancho @param {number} alto @returns {Promise<string[]>} the texts of the codes in it */
async function readImage(imagen, ancho, alto) {
  const escala = Math.min(1, SIDE / Math.max(ancho, alto));
  const [w, h] = [Math.max(1, Math.round(ancho * escala)), Math.max(1, Math.round(alto * escala))];
  const lienzo = document.createElement('canvas');
  Object.assign(lienzo, { width: w, height: h });
  const pincel = /** @type {CanvasRenderingContext2D} */ (lienzo.getContext('2d', { willReadFrequently: true }));
  pincel.drawImage(imagen, 0, 0, w, h);
  const { data } = pincel.getImageData(0, 0, w, h);
  const gris = new Uint8Array(w * h);
  for (let i = 0; i < gris.length; i += 1) gris[i] = (data[4 * i] * 77 + data[4 * i + 1] * 150 + data[4 * i + 2] * 29) >> 8;
  const dicho = await request('POST', 'qr/leer', new Blob([`P5\n${w} ${h}\n255\n`, gris], { type: 'image/x-portable-graymap' }));
  return dicho.textos;
}

/** The codes on a photo. @param {File} archivo @returns {Promise<string[]>} */
export async function readPhoto(archivo) {
  const mapa = await createImageBitmap(archivo);
  try {
    return await readImage(mapa, mapa.width, mapa.height);
  } finally {
    mapa.close();
  }
}

/** Whether this page may use a camera at all. */
export const hasCamera = () => isSecureContext && Boolean(navigator.mediaDevices);

/** Look through the camera until something is read. @param {HTMLVideoElement} video @param {(textos: string[]) => void} found @returns {Promise<() => void>} what stops it */
export async function watch(video, found) {
  const flujo = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
  let activa = true;
  video.srcObject = flujo;
  await video.play();
  const look = async () => {
    if (!activa) return;
    const textos = video.videoWidth ? await readImage(video, video.videoWidth, video.videoHeight).catch(() => []) : [];
    if (activa && textos.length) found(textos);
    else setTimeout(() => void look(), LOOK_MS);
  };
  void look();
  return () => {
    activa = false;
    flujo.getTracks().forEach((t) => t.stop());
  };
}
