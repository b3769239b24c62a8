/** What the backend may refuse, by its codes; loaded when something is first refused. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'error.recurso_no_encontrado': 'Eso ya no está.', 'error.nombre_repetido': 'Ya hay otro con ese nombre.', 'error.demasiados': 'Ya hay tantos como caben.', 'error.en_uso': 'Todavía se usa en otra parte.',
  'error.serial_duplicado': 'Ya hay un dispositivo con esa serie.', 'error.serial_ignorado': 'Esa serie se está ignorando.', 'error.version_obsoleta': 'Alguien lo cambió mientras tanto. No se ha guardado nada.',
  'error.horario_no_aplicable': 'A este dispositivo no lo lleva la casa: sigue su propio horario.', 'error.almacen_ocupado': 'La casa está ocupada. En unos segundos se puede otra vez.', 'error.almacen_lleno': 'El disco de la casa está lleno. No se ha guardado.',
  'error.ultimo_administrador': 'Alguien tiene que poder administrar la casa: es la última cuenta que puede.', 'error.sin_permiso': 'Esta cuenta no puede hacer eso.', 'error.ya_hay_cuentas': 'La casa ya tiene cuentas: hay que entrar con una.',
  'error.entrada_rechazada': 'El usuario o la contraseña no son esos.', 'error.codigo_incorrecto': 'Ese código no es, o ya no vale.', 'error.demasiados_intentos': 'Demasiados intentos. Conviene esperar un poco.', 'error.servicio_ocupado': 'La casa está ocupada. En unos segundos se puede otra vez.',
};
