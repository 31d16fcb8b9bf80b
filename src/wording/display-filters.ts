/** Display filter for IP packets from one host to another, by the family of the addresses. */
export function addressFilter(source: string, destination: string): string {
  const field = source.includes(':') ? 'ipv6' : 'ip';
  return `${field}.src == ${source} && ${field}.dst == ${destination}`;
}
