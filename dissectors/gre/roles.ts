import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'GRE',
  carries: 'gre',
  // Linux refuses GRE that matches no tunnel by port unreachable.
  refusals: { by: 'gre.proto-unreachable', ofProtocol: ['protocol', 'port'] },
});
