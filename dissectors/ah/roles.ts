import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'AH',
  carries: 'ipsec',
  refusals: { by: 'esp.proto-unreachable', ofProtocol: ['protocol'] },
});
