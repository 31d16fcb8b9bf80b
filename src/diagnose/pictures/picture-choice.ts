import type {
  ExchangePicture,
  FatePicture,
  FragmentPicture,
  Picture,
  SequencePicture,
} from '../../correlate/pictures/picture.js';
import type { Finding, Pictures, Tunnel } from '../../report/report.js';
import { type FrameId, frameId } from '../../units.js';

/** Pictures of one kind that a finding shows, and that all findings together show. */
const OF_FINDING_MAX = 3;
const OF_KIND_MAX = 60;

/** Area of a finding's id: the protocol whose exchanges show it. */
const EXCHANGES: Readonly<Record<string, string>> = {
  ike: 'isakmp',
  natt: 'isakmp',
  openvpn: 'openvpn',
  bgp: 'bgp',
  bfd: 'bfd',
  dns: 'dns',
  tcp: 'tcp',
  app: 'tcp',
  wireguard: 'wireguard',
};

/** What is about sizes, and about how long answers take. */
const ABOUT_SIZE = /mtu|size|mss|large|frag|blackhole|ptb/;
const ABOUT_TIME = /rtt|slow|latency|delay|jitter|ping/;

type Shown = Pictures['shows'][string];

/** Picks for each finding the pictures that show it, and keeps those that any of them shows. */
export class PictureChoice {
  readonly sequences: SequencePicture[] = [];
  readonly exchanges: ExchangePicture[] = [];
  readonly sizes: FatePicture[] = [];
  readonly roundTrips: FatePicture[] = [];
  readonly fragments: FragmentPicture[] = [];
  private readonly all: {
    readonly sequences: readonly SequencePicture[];
    readonly exchanges: readonly ExchangePicture[];
    readonly fates: readonly FatePicture[];
    readonly fragments: readonly FragmentPicture[];
  };

  constructor(pictures: readonly Picture[]) {
    const of = <Kind extends Picture['picture']>(kind: Kind) =>
      pictures.filter((one): one is Extract<Picture, { picture: Kind }> => one.picture === kind);
    this.all = {
      sequences: of('sequence').filter(({ bins }) => bins.used > 0),
      exchanges: of('exchange'),
      fates: of('fate'),
      fragments: of('fragments'),
    };
  }

  show(finding: Finding, tunnels: readonly Tunnel[]): Shown {
    const [area] = finding.id.split('.');
    const ends = endsOf(finding, tunnels);
    const cited = new Set(finding.evidence.map(({ capture, frame }) => frameId(capture, frame)));
    const shown: Shown = {};
    const note = <Kind extends keyof Shown, Item>(kind: Kind, kept: Item[], chosen: readonly Item[]) => {
      const places = chosen.slice(0, OF_FINDING_MAX).flatMap((item) => placeIn(kept, item));
      if (places.length > 0) shown[kind] = places;
    };
    if (area === 'esp' || area === 'gre') {
      note('sequences', this.sequences, this.sequencesOf(finding, area, ends));
    }
    note('exchanges', this.exchanges, this.exchangesOf(area, ends, cited));
    note(
      'fragments',
      this.fragments,
      this.all.fragments.filter(({ pieces }) => pieces.some(({ frame }) => cited.has(frame))),
    );
    const fates = this.all.fates.filter((fate) => isBetween(fate, ends));
    if (ABOUT_SIZE.test(finding.id)) {
      note('sizes', this.sizes, fates.filter(({ passed, lost }) => sum(passed) + sum(lost) > 1).sort(byLoss));
    }
    if (ABOUT_TIME.test(finding.id)) {
      note(
        'roundTrips',
        this.roundTrips,
        fates.filter(({ roundTrips }) => roundTrips.used > 0).sort(bySamples),
      );
    }
    return shown;
  }

  /** That of the finding's SPI or direction first; else the one with most missing. */
  private sequencesOf(finding: Finding, area: string, ends: ReadonlySet<string>): readonly SequencePicture[] {
    const { direction, subject } = finding;
    const own = this.all.sequences.filter(
      ({ protocol, from, to }) => protocol === area && (ends.size === 0 || (ends.has(from) && ends.has(to))),
    );
    const score = ({ from, key, missing, bins }: SequencePicture): number =>
      (direction?.from === from ? 4e15 : 0) +
      (Number(subject.spi) === key ? 8e15 : 0) +
      missing * 1e6 +
      Math.min(bins.used, 1e5);
    return [...own].sort((a, b) => score(b) - score(a));
  }

  /** Those with a cited message; else those between the finding's ends, of the protocol that it is about. */
  private exchangesOf(
    area: string,
    ends: ReadonlySet<string>,
    cited: ReadonlySet<FrameId>,
  ): readonly ExchangePicture[] {
    const protocol = EXCHANGES[area];
    const count = ({ messages }: ExchangePicture): number =>
      messages.reduce(
        (sum, { frame, lastFrame }) => sum + (cited.has(frame) || cited.has(lastFrame) ? 1 : 0),
        0,
      );
    const withCited = this.all.exchanges
      .map((exchange) => ({ exchange, hits: count(exchange) }))
      .filter(({ hits }) => hits > 0)
      .sort(
        (a, b) =>
          Number(b.exchange.protocol === protocol) - Number(a.exchange.protocol === protocol) ||
          b.hits - a.hits,
      )
      .map(({ exchange }) => exchange);
    const fitting =
      protocol === undefined ? withCited : withCited.filter((exchange) => exchange.protocol === protocol);
    if (fitting.length > 0) return fitting;
    if (withCited.length > 0) return withCited;
    return this.all.exchanges.filter(
      (exchange) => exchange.protocol === protocol && ends.has(exchange.low) && ends.has(exchange.high),
    );
  }
}

/** Addresses that the finding is about. */
function endsOf({ subject, direction, tunnel }: Finding, tunnels: readonly Tunnel[]): ReadonlySet<string> {
  const listed = Array.isArray(subject.endpoints) ? subject.endpoints.map(String) : [];
  const own = [...listed, ...(direction ? [direction.from, direction.to] : [])];
  const around = tunnels.find(({ id }) => id === tunnel)?.endpoints ?? [];
  return new Set((own.length > 0 ? own : around).map(withoutPort));
}

function withoutPort(end: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(end)?.[1];
  if (bracketed !== undefined) return bracketed;
  return end.split(':').length === 2 ? end.split(':')[0] : end;
}

function isBetween({ from, to, around }: FatePicture, ends: ReadonlySet<string>): boolean {
  return (ends.has(from) && ends.has(to)) || around.filter((end) => ends.has(end)).length >= 2;
}

/** Index of the item among those that are kept; none where there is no room for another one. */
function placeIn<Item>(kept: Item[], item: Item): number[] {
  const known = kept.indexOf(item);
  if (known >= 0) return [known];
  if (kept.length >= OF_KIND_MAX) return [];
  kept.push(item);
  return [kept.length - 1];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function byLoss(a: FatePicture, b: FatePicture): number {
  return sum(b.lost) - sum(a.lost) || sum(b.passed) - sum(a.passed);
}

function bySamples(a: FatePicture, b: FatePicture): number {
  return sum([...b.roundTrips.columns[3]]) - sum([...a.roundTrips.columns[3]]);
}
