import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'IP in IP',
  carries: 'ipip',
  overheads: [
    { bytes: 20, form: '' },
    { bytes: 40, form: 'over IPv6', isRare: true },
  ],
});
