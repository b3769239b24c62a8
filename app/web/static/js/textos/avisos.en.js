/** Words of the notices. @type {Record<string, import('../i18n.js').Texto>} */
export default {
  'avisos.todos': 'Mark all as seen', 'avisos.antes': 'Older', 'avisos.ninguno': 'No notices', 'avisos.ninguno_que': 'If something in the house needs attention, it appears here.', 'avisos.nuevo': 'New:',
  'avisos.veces': '{n} times', 'avisos.resuelto': 'solved', 'avisos.ver': 'View', 'avisos.visto': 'Seen', 'avisos.resolver': 'Solved', 'gravedad.info': 'For information', 'gravedad.advertencia': 'Attention', 'gravedad.grave': 'Serious',
};
