/** Words of signing in. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'entrar.titulo': 'Entrar en casa', 'entrar.usuario': 'Usuario', 'entrar.clave': 'Contraseña', 'entrar.entrar': 'Entrar', 'entrar.primera': 'Crear la primera cuenta',
  'entrar.primera_titulo': 'Bienvenida', 'entrar.primera_que': 'Esta casa aún no tiene cuentas. La primera la administra.', 'entrar.codigo': 'Código de instalación',
  'entrar.codigo_donde': 'Lo enseña el programa al arrancar; vale 15 minutos.', 'entrar.clave_ayuda': 'Tres palabras sueltas valen más que símbolos raros.', 'entrar.crear': 'Crear la cuenta',
};
