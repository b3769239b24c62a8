/** Words of a device's screen. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'dispositivo.visto': 'Dicho {hace} ({cuando})', 'dispositivo.cuando': 'Cuándo estuvo', 'dispositivo.porque': 'Por qué está así', 'dispositivo.ordenes': 'Órdenes', 'dispositivo.registro': 'Registro', 'dispositivo.ajustes': 'Ajustes',
  'dispositivo.sin_ordenes': 'Nadie le ha pedido nada.', 'dispositivo.mas_antiguo': 'Más antiguo', 'dispositivo.filtro': 'Cómo estaba', 'dispositivo.descripcion': 'Descripción', 'dispositivo.habitacion': 'Habitación', 'dispositivo.modo': 'Modo',
  'dispositivo.manual': 'A mano', 'dispositivo.horario': 'Por horario', 'dispositivo.intervalo': 'Segundos entre informes', 'dispositivo.ver_horario': 'Ver su horario',
  'dispositivo.liberar': 'Liberar', 'dispositivo.liberar_que': 'Deja de tener dueño y sale de la casa. Su historial se queda.', 'dispositivo.borrar': 'Borrar', 'dispositivo.borrar_que': 'Se va con todo su historial, y no se puede deshacer. Si vuelve a hablar, aparecerá como nuevo.',
  'dispositivo.espera': 'Está pedido. Cuando el propio dispositivo lo diga, quedará hecho.', 'dispositivo.rechazada': 'Dice que no puede, o sigue como estaba. Se le puede pedir otra vez.', 'dispositivo.expirada': 'No contestó a tiempo y ya no se le pide. ¿Tiene corriente y wifi?', 'dispositivo.fuera': 'Lo que se ve es lo último que dijo. ¿Tiene corriente y wifi?',
  'dispositivo.encender': 'Encender', 'dispositivo.apagar': 'Apagar', 'dispositivo.cambio_horario': 'Otro horario', 'dispositivo.aparte': 'sin hacer caso al horario hasta {cuando}',
  'estado.todo': 'Todo', 'estado.activo': 'Encendido', 'estado.inactivo': 'Apagado', 'estado.desconocido': 'No se sabe',
  'orden.pendiente': 'por enviar', 'orden.enviada': 'enviada', 'orden.aplicada': 'hecha', 'orden.rechazada': 'no la hizo', 'orden.expirada': 'sin respuesta', 'orden.sustituida': 'se pidió otra cosa', 'orden.sigue_activo': 'sigue encendido', 'orden.sigue_inactivo': 'sigue apagado', 'orden.otra_cosa': 'dice otra cosa de {que}',
  'causa.http': 'Una persona o un programa', 'causa.dispositivo': 'El propio dispositivo', 'causa.horario': 'El horario', 'causa.regla': 'Una regla', 'causa.escena': 'Una escena', 'causa.sistema': 'El programa', 'causa.orden': 'Acabó una orden', 'causa.conectividad': 'Dejó de oírse',
  'grafica.tramo': 'Tramo', 'grafica.que': 'Qué se ve', 'grafica.dia': 'Día', 'grafica.semana': 'Semana', 'grafica.mes': 'Mes', 'grafica.ano': 'Año', 'grafica.dos_anos': '2 años', 'grafica.antes': 'Antes', 'grafica.despues': 'Después', 'grafica.acercar': 'Acercar', 'grafica.alejar': 'Alejar',
  'grafica.tabla': 'Tabla', 'grafica.cuando': 'Cuándo', 'grafica.nada': 'No hay nada guardado de entonces.', 'grafica.toca': 'Tocar la gráfica para leer un valor.', 'grafica.teclas': 'Flechas para leer, más y menos para acercar',
  'tira.dice': { one: '{tiempo}, cambió {n} vez', other: '{tiempo}, cambió {n} veces' }, 'dura.min': '{n} min', 'dura.h': '{n} h {m} min',
};
