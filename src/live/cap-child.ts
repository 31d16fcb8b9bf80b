/*
 * A process of its own for the packet library `cap`: it aborts its process where a filter is wrong or the interface
 * goes away. Started as `node cap-child.js INTERFACE FILTER`; writes pcap with nanoseconds on its standard output.
 */
import { writeSync } from 'node:fs';

const SNAPLEN = 65_535;
const KERNEL_BUFFER_BYTES = 64 << 20;
const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;
const RECORD_HEADER_LENGTH = 16;
const BATCH_BYTES = 256 * 1024;
const FLUSH_MS = 50;
/** What cap calls link types, as LINKTYPE_ values. */
const LINK_TYPES: Readonly<Record<string, number>> = {
  NULL: 0,
  ETHERNET: 1,
  RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
};
const STDOUT = 1;
const STDERR = 2;

/** The part of the library that is used; it ships no types. */
interface CapSession {
  open(device: string, filter: string, kernelBuffer: number, packet: Buffer): string;
  setMinBytes?(count: number): void;
  on(event: 'packet', listener: (length: number, isTruncated: boolean) => void): void;
  close(): void;
}

interface CapLibrary {
  readonly Cap: new () => CapSession;
}

async function loadLibrary(): Promise<CapLibrary> {
  // An optional dependency: the name is no literal, as it need not be there when this is compiled.
  const name = 'cap';
  const loaded: { default?: CapLibrary } & Partial<CapLibrary> = await import(name);
  const library = loaded.default ?? loaded;
  if (library.Cap === undefined) throw new Error('it exports no Cap');
  return { Cap: library.Cap };
}

class PcapPipe {
  private readonly batch = Buffer.alloc(BATCH_BYTES);
  private at = 0;
  private readonly epochOffsetNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

  begin(linkType: number): void {
    this.batch.writeUInt32LE(PCAP_MAGIC_NANOSECONDS, 0);
    this.batch.writeUInt16LE(2, 4);
    this.batch.writeUInt16LE(4, 6);
    this.batch.writeUInt32LE(SNAPLEN, 16);
    this.batch.writeUInt32LE(linkType, 20);
    this.at = 24;
    this.flush();
  }

  add(packet: Buffer, length: number): void {
    if (this.at + RECORD_HEADER_LENGTH + length > BATCH_BYTES) this.flush();
    const timeNs = this.epochOffsetNs + process.hrtime.bigint();
    const { batch, at } = this;
    batch.writeUInt32LE(Number(timeNs / 1_000_000_000n), at);
    batch.writeUInt32LE(Number(timeNs % 1_000_000_000n), at + 4);
    batch.writeUInt32LE(length, at + 8);
    batch.writeUInt32LE(length, at + 12);
    packet.copy(batch, at + RECORD_HEADER_LENGTH, 0, length);
    this.at += RECORD_HEADER_LENGTH + length;
  }

  flush(): void {
    let written = 0;
    while (written < this.at) {
      try {
        written += writeSync(STDOUT, this.batch, written, this.at - written);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      }
    }
    this.at = 0;
  }
}

async function captureOn(device: string, filter: string): Promise<void> {
  const { Cap } = await loadLibrary();
  const session = new Cap();
  const packet = Buffer.alloc(SNAPLEN);
  const pipe = new PcapPipe();
  const linkName = session.open(device, filter, KERNEL_BUFFER_BYTES, packet);
  const linkType = LINK_TYPES[linkName];
  if (linkType === undefined) throw new Error(`${device} has the link type ${linkName}, which is not read`);
  session.setMinBytes?.(0);
  pipe.begin(linkType);
  // The library writes into `packet` by its address, so it must live as long as the session: the listener holds it.
  session.on('packet', (length) => pipe.add(packet, length));
  const timer = setInterval(() => endOnFailure(() => pipe.flush()), FLUSH_MS);
  process.on('SIGINT', () => {
    clearInterval(timer);
    endOnFailure(() => pipe.flush());
    endAtOnce();
  });
}

/** Who read the packets has gone, or the library failed: there is nothing left to do here. */
function endOnFailure(action: () => void): void {
  try {
    action();
  } catch (error) {
    fail(error);
  }
}

/** Without the library's own clean-up, which aborts where the interface has gone. */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGTERM');
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  const line = isMissing
    ? 'the package cap is not installed or was not built; npm install cap --allow-scripts=cap (it needs libpcap-dev, python3, make and g++), or use --backend dumpcap'
    : message;
  try {
    writeSync(STDERR, `${line.split('\n')[0]}\n`);
  } finally {
    endAtOnce();
  }
}

const [device = '', filter = ''] = process.argv.slice(2);
captureOn(device, filter).catch(fail);
