import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({ name: 'WireGuard', carries: 'wireguard', isEncrypted: true });
