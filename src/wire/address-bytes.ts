/** The 4 or 16 bytes of an address in text, or null. */
export function addressBytes(text: string): Uint8Array | null {
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array | null {
  const parts = text.split('.', 5);
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null;
  return Uint8Array.from(parts, Number);
}

/** RFC 4291, section 2.2; the last four bytes may be written as an IPv4 address. */
function ipv6Bytes(text: string): Uint8Array | null {
  const halves = text.split('::', 3);
  if (text.length > 45 || halves.length > 2) return null;
  const [head, tail] = halves.map((half) => groupsOf(half));
  if (head === null || head === undefined || tail === null) return null;
  const last = tail ?? [];
  const missing = 16 - head.length - last.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return Uint8Array.from([...head, ...new Array<number>(Math.max(0, missing)).fill(0), ...last]);
}

function groupsOf(half: string): number[] | null {
  const bytes: number[] = [];
  for (const group of half === '' ? [] : half.split(':')) {
    const embedded = group.includes('.') ? ipv4Bytes(group) : null;
    if (embedded !== null) bytes.push(...embedded);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    } else return null;
  }
  return bytes;
}
