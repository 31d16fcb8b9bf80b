import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'ESP',
  carries: 'ipsec',
  isEncrypted: true,
  refusals: { by: 'esp.proto-unreachable', ofProtocol: ['protocol'] },
});
