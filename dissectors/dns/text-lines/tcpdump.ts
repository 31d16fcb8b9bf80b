import { blankLayer, type Layer, type PacketLines } from '../../../src/capture/packet-lines.js';

const PORTS = [53, 5353, 5355];
const QUERY =
  /^(\d{1,5})([+%|*-]{0,4})(?: \[[^\]]{1,40}\])* ([A-Z]{1,10})(?: \((?:QM|QU)\))?\? (\S{1,255})(?: .{0,40})? \((\d{1,5})\)/;
const ANSWER =
  /^(\d{1,5})(?: ([A-Z][A-Za-z]{1,20}))?([*|$-]{0,4})(?: \[\d{1,3}q\])?(?: q: [A-Z\d]{1,10}(?: \((?:QM|QU)\))?\? \S{1,255})? (\d{1,5})\/(\d{1,5})\/(\d{1,5})(?:.{0,4000}) \((\d{1,5})\)$/;
const RESPONSE_CODES: readonly string[] = ['', 'FormErr', 'ServFail', 'NXDomain', 'NotImp', 'Refused'];
const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  ANY: 255,
};

/** `12345+ A? example.org. (29)` and `12345 NXDomain* 0/1/0 (104)`; a reply's question is printed with -vv alone, and is that of its query. */
const dns: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    if (!PORTS.includes(line.sourcePort) && !PORTS.includes(line.destinationPort)) return null;
    const questions = line.memory('dns', () => new Map<string, Uint8Array>());
    if (questions.size >= QUESTIONS_MAX) questions.clear();
    const query = QUERY.exec(words);
    if (query !== null) {
      const [, id = '', flags = '', type = '', name = '', length] = query;
      const question = questionOf(name, TYPES[type] ?? 0);
      questions.set(`${id} ${line.source} ${line.sourcePort} ${line.destination}`, question);
      return message(Number(id), flags.includes('+') ? 0x0100 : 0, [1, 0, 0, 0], question, Number(length));
    }
    const answer = ANSWER.exec(words);
    if (answer === null) return null;
    const [, id = '', code = '', flags = '', answers, authorities, additional, length] = answer;
    const question = questions.get(`${id} ${line.destination} ${line.destinationPort} ${line.source}`);
    const bits =
      0x8100 |
      (flags.includes('*') ? 0x0400 : 0) |
      (flags.includes('|') ? 0x0200 : 0) |
      (flags.includes('-') ? 0 : 0x0080);
    const counts = [question === undefined ? 0 : 1, Number(answers), Number(authorities), Number(additional)];
    const known = Math.max(0, RESPONSE_CODES.indexOf(code));
    return message(Number(id), bits | known, counts, question ?? new Uint8Array(0), Number(length));
  },
};
export default dns;
const QUESTIONS_MAX = 16_384;

function message(
  id: number,
  flags: number,
  counts: readonly number[],
  question: Uint8Array,
  length: number,
): Layer {
  const { bytes, view } = blankLayer(12 + question.length);
  view.setUint16(0, id);
  view.setUint16(2, flags);
  for (const [index, count] of counts.entries()) view.setUint16(4 + 2 * index, count);
  bytes.set(question, 12);
  return { bytes, length: Math.max(length, bytes.length) };
}

function questionOf(name: string, type: number): Uint8Array {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .filter((label) => label !== '');
  const bytes = labels.flatMap((label) => [
    Math.min(label.length, 63),
    ...Buffer.from(label.slice(0, 63), 'latin1'),
  ]);
  return Uint8Array.from([...bytes, 0, type >>> 8, type & 0xff, 0, 1]);
}
