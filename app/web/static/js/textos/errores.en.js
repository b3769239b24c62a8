/** What the backend may refuse, by its codes; loaded when something is first refused. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'error.recurso_no_encontrado': 'That is not there any more.', 'error.nombre_repetido': 'There is another of that name.', 'error.demasiados': 'There are as many as fit.', 'error.en_uso': 'It is still used elsewhere.',
  'error.serial_duplicado': 'There is a device of that serial number.', 'error.serial_ignorado': 'That serial number is being ignored.', 'error.version_obsoleta': 'Somebody changed it meanwhile. Nothing was saved.',
  'error.horario_no_aplicable': 'The house does not drive this device: it follows its own schedule.', 'error.almacen_ocupado': 'The house is busy. Try again in a few seconds.', 'error.almacen_lleno': 'The house’s disk is full. It was not saved.',
  'error.ultimo_administrador': 'Somebody has to be able to administer the house: this is the last account that can.', 'error.sin_permiso': 'This account may not do that.', 'error.ya_hay_cuentas': 'The house has accounts already: sign in with one.',
  'error.entrada_rechazada': 'That is not the user, or not the password.', 'error.codigo_incorrecto': 'That is not the code, or it is no longer valid.', 'error.demasiados_intentos': 'Too many tries. Wait a little.', 'error.servicio_ocupado': 'The house is busy. Try again in a few seconds.',
};
