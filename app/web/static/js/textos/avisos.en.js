/** Words of the notices. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'avisos.todos': 'Mark all as seen', 'avisos.antes': 'Older', 'avisos.ninguno': 'No notices', 'avisos.ninguno_que': 'If something in the house needs attention, it appears here.', 'avisos.nuevo': 'New:',
  'avisos.veces': '{n} times', 'avisos.resuelto': 'solved', 'avisos.visto': 'Seen', 'avisos.resolver': 'Solved', 'gravedad.info': 'For information', 'gravedad.advertencia': 'Attention', 'gravedad.grave': 'Serious',
  // What the backend says in Spanish, by the kind of the notice; a rule's notice is somebody's own words.
  'dicho.dispositivo_perdido': '{aparato} does not answer', 'dicho.orden_expirada': '{aparato} did not do what it was asked: there was no answer', 'dicho.orden_rechazada': '{aparato} did not do what it was asked: it cannot, or stayed as it was',
  'dicho.broker_caido': 'No connection with the MQTT broker: nothing new is known of any device', 'dicho.disco': 'The disk of the house’s data is almost full; without room nothing can be stored', 'dicho.reloj': 'The machine’s clock is wrong: schedules wait until it is set', 'dicho.reloj_salto': 'The machine’s clock jumped',
  'dicho.respaldo_fallido': 'The backup of the house could not be made', 'dicho.base_reparada': 'The database was damaged; the house was put back from the backup {nombre}', 'dicho.respaldo_restaurado': 'The house is now that of the backup {nombre}', 'dicho.restauracion_fallida': 'The backup {nombre} could not be put back',
  'dicho.dispositivo_borrado': 'A device was deleted, and scenes or rules do not count on it any more', 'dicho.regla_fallida': 'A rule was met, but not all of it could be asked for', 'dicho.regla_en_bucle': 'A rule was met and not carried out, since it would never end',
};
