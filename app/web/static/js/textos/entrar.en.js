/** Words of signing in. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'entrar.titulo': 'Come in', 'entrar.usuario': 'User', 'entrar.clave': 'Password', 'entrar.entrar': 'Sign in', 'entrar.primera': 'Create the first account',
  'entrar.primera_titulo': 'Welcome', 'entrar.primera_que': 'This house has no accounts yet. The first one administers it.', 'entrar.codigo': 'Setup code',
  'entrar.codigo_donde': 'The program shows it when it starts; it is valid for 15 minutes.', 'entrar.clave_ayuda': 'Three loose words beat strange symbols.', 'entrar.crear': 'Create the account',
};
