import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({ name: 'IP in IP', carries: 'ipip' });
