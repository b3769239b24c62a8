/** Words of the notices. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'avisos.todos': 'Marcar todos como vistos', 'avisos.antes': 'Más antiguos', 'avisos.ninguno': 'Sin avisos', 'avisos.ninguno_que': 'Si algo de la casa necesita atención, saldrá aquí.', 'avisos.nuevo': 'Nuevo:',
  'avisos.veces': '{n} veces', 'avisos.resuelto': 'resuelto', 'avisos.visto': 'Visto', 'avisos.resolver': 'Resuelto', 'gravedad.info': 'Para saber', 'gravedad.advertencia': 'Atención', 'gravedad.grave': 'Grave',
};
