/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** As `endpointText`. */
export function socketText({ address, port }: { readonly address: string; readonly port: number }): string {
  return endpointText(address, port);
}
