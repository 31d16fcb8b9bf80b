import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({ name: 'SCION', carries: 'scion' });
