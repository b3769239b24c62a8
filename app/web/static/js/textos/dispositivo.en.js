/** Words of a device's screen. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'dispositivo.visto': 'Said {hace} ({cuando})', 'dispositivo.cuando': 'When it was on', 'dispositivo.porque': 'Why it is like this', 'dispositivo.ordenes': 'Orders', 'dispositivo.registro': 'Log', 'dispositivo.ajustes': 'Settings',
  'dispositivo.sin_ordenes': 'Nobody has asked it for anything.', 'dispositivo.mas_antiguo': 'Older', 'dispositivo.filtro': 'How it was', 'dispositivo.descripcion': 'Description', 'dispositivo.habitacion': 'Room', 'dispositivo.modo': 'Mode',
  'dispositivo.manual': 'By hand', 'dispositivo.horario': 'By schedule', 'dispositivo.intervalo': 'Seconds between reports', 'dispositivo.ver_horario': 'See its schedule',
  'dispositivo.liberar': 'Release', 'dispositivo.liberar_que': 'It has no owner any more and leaves the house. Its history stays.', 'dispositivo.borrar': 'Delete', 'dispositivo.borrar_que': 'It goes with all its history, and that can’t be undone. If it speaks again, it appears as new.',
  'dispositivo.espera': 'It has been asked for. It is done when the device itself says so.', 'dispositivo.rechazada': 'It says that it can’t, or is still as it was. You can ask again.', 'dispositivo.expirada': 'It did not answer in time and is not asked any more. Has it power and Wi-Fi?', 'dispositivo.fuera': 'What you see is the last thing it said. Has it power and Wi-Fi?',
  'dispositivo.encender': 'Turn on', 'dispositivo.apagar': 'Turn off', 'dispositivo.cambio_horario': 'Another schedule', 'dispositivo.aparte': 'whatever the schedule says, until {cuando}',
  'estado.todo': 'All', 'estado.activo': 'On', 'estado.inactivo': 'Off', 'estado.desconocido': 'Not known',
  'orden.pendiente': 'to be sent', 'orden.enviada': 'sent', 'orden.aplicada': 'done', 'orden.rechazada': 'it did not do it', 'orden.expirada': 'no answer', 'orden.sustituida': 'something else was asked for',
  'causa.http': 'A person or a program', 'causa.dispositivo': 'The device itself', 'causa.horario': 'The schedule', 'causa.regla': 'A rule', 'causa.escena': 'A scene', 'causa.sistema': 'The program', 'causa.orden': 'An order ended', 'causa.conectividad': 'It was not heard any more',
  'grafica.tramo': 'Range', 'grafica.que': 'What is shown', 'grafica.dia': 'Day', 'grafica.semana': 'Week', 'grafica.mes': 'Month', 'grafica.ano': 'Year', 'grafica.dos_anos': '2 years', 'grafica.antes': 'Earlier', 'grafica.despues': 'Later', 'grafica.acercar': 'Zoom in', 'grafica.alejar': 'Zoom out',
  'grafica.tabla': 'Table', 'grafica.cuando': 'When', 'grafica.nada': 'There is nothing stored from then.', 'grafica.toca': 'Touch the chart to read a value.', 'grafica.teclas': 'Arrows to read, plus and minus to zoom',
  'tira.dice': { one: '{tiempo}, changed {n} time', other: '{tiempo}, changed {n} times' }, 'dura.min': '{n} min', 'dura.h': '{n} h {m} min',
};
