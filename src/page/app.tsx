import { useMemo, useState } from 'preact/hooks';
import type { PageWords } from '../report/page-words.js';
import type { Finding, Report } from '../report/report.js';
import { CompareSection } from './compare.js';
import { FindingCard } from './finding.js';
import { TunnelMap } from './map.js';
import { type Column, SortedTable } from './table.js';
import { countText, segmentClocks, timeText } from './time.js';
import { Timeline } from './timeline.js';
import { searchText, tunnelName } from './words.js';

const SEVERITIES = ['error', 'warning', 'info'] as const;
const FINDINGS_SHOWN = 60;

interface Wanted {
  readonly severities: ReadonlySet<string>;
  readonly words: string;
  readonly host: string;
  readonly tunnel: string;
}

const ALL: Wanted = { severities: new Set(SEVERITIES), words: '', host: '', tunnel: '' };

/** The whole page. */
export function App({ report, words }: { readonly report: Report; readonly words: PageWords }) {
  const [wanted, setWanted] = useState(ALL);
  const [isLong, setLong] = useState(false);
  const clocks = useMemo(() => segmentClocks(report), [report]);
  const findings = useMemo(
    () => report.findings.filter((finding) => isWanted(finding, report, wanted)),
    [report, wanted],
  );
  const tunnels = useMemo(
    () =>
      report.tunnels.filter(
        ({ id, endpoints }) =>
          (wanted.tunnel === '' || id === wanted.tunnel) &&
          (wanted.host === '' || endpoints.some((end) => end === wanted.host)),
      ),
    [report, wanted],
  );
  const worst =
    SEVERITIES.find((severity) => report.findings.some((finding) => finding.severity === severity)) ?? 'ok';
  const roots = findings.filter(({ causedBy = [] }) => causedBy.length === 0);
  const rest = findings.filter(({ causedBy = [] }) => causedBy.length > 0);
  const ordered = [...roots, ...rest];
  return (
    <>
      <a class="skip" href="#findings">
        Skip to the findings
      </a>
      <header class={`top edge-${worst === 'info' ? 'ok' : worst}`}>
        <div class="bar">
          <span class="brand">capan {report.command}</span>
          <nav aria-label="Parts of the report">
            {[
              ['timeline', 'Timeline'],
              ['findings', 'Findings'],
              ...(report.compare ? [['compare', 'Both ends']] : []),
              ['tunnels', 'Tunnels'],
              ['checks', 'Checks'],
            ].map(([id, title]) => (
              <a key={id} href={`#${id}`}>
                {title}
              </a>
            ))}
          </nav>
          <ThemeButton />
        </div>
        <h1>{words.verdict}</h1>
        <p class="dim">
          {report.captures.map(({ file, frames, firstTime, lastTime, side }) => (
            <span class="capture" key={`${side} ${file}`}>
              {side === undefined ? '' : `${side.toUpperCase()}: `}
              {file}, {countText(frames)} frames
              {firstTime === null ? '' : `, ${timeText(firstTime)} to ${timeText(lastTime).slice(11)} UTC`}
            </span>
          ))}
        </p>
        {report.quality.length > 0 && (
          <ul class="quality-facts" aria-label="What limits the verdicts">
            {report.quality.map(({ id, detail }) => (
              <li key={`${id} ${detail}`}>
                <code>{id}</code> {detail}
              </li>
            ))}
          </ul>
        )}
        {report.errors.length > 0 && (
          <ul class="quality-facts" aria-label="Parts of capan that failed">
            {report.errors.map(({ where, message }) => (
              <li key={`${where} ${message}`}>
                <b class="error">{where}</b> {message}
              </li>
            ))}
          </ul>
        )}
      </header>
      <Filters report={report} wanted={wanted} onWanted={setWanted} shown={findings.length} />
      <main>
        <Timeline report={report} findings={ordered} tunnels={tunnels} clocks={clocks} />
        <section id="findings" aria-labelledby="findings-title">
          <h2 id="findings-title">Findings</h2>
          {ordered.length === 0 && (
            <p>{report.findings.length === 0 ? 'None.' : 'None that fits the filter.'}</p>
          )}
          {(isLong ? ordered : ordered.slice(0, FINDINGS_SHOWN)).map((finding) => (
            <FindingCard key={finding.key} finding={finding} report={report} clocks={clocks} />
          ))}
          {ordered.length > FINDINGS_SHOWN && !isLong && (
            <button type="button" onClick={() => setLong(true)}>
              All {ordered.length} findings
            </button>
          )}
        </section>
        <CompareSection report={report} words={words} clocks={clocks} />
        <TunnelMap report={{ ...report, tunnels }} findings={report.findings} />
        <Tunnels report={{ ...report, tunnels }} />
        <Checks report={report} />
      </main>
      <footer class="dim">
        {report.tool.name} {report.tool.version}. This page holds everything it shows and asks nothing of any
        network.
      </footer>
    </>
  );
}

function isWanted(
  finding: Finding,
  { tunnels }: Report,
  { severities, words, host, tunnel }: Wanted,
): boolean {
  if (!severities.has(finding.severity)) return false;
  if (tunnel !== '' && finding.tunnel !== tunnel) return false;
  const text = searchText(finding);
  if (host !== '') {
    const ends = tunnels.find(({ id }) => id === finding.tunnel)?.endpoints ?? [];
    if (!ends.includes(host) && !text.includes(JSON.stringify(host).slice(1, -1).toLowerCase())) return false;
  }
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Filters({
  report,
  wanted,
  onWanted,
  shown,
}: {
  readonly report: Report;
  readonly wanted: Wanted;
  readonly onWanted: (wanted: Wanted) => void;
  readonly shown: number;
}) {
  const hosts = useMemo(
    () => [...new Set(report.tunnels.flatMap(({ endpoints }) => endpoints))].sort(),
    [report],
  );
  const toggle = (severity: string): void => {
    const severities = new Set(wanted.severities);
    if (!severities.delete(severity)) severities.add(severity);
    onWanted({ ...wanted, severities });
  };
  return (
    <search class="filters">
      <input
        type="search"
        aria-label="Search in findings"
        placeholder="Search: id, address, word"
        value={wanted.words}
        onInput={(event) => onWanted({ ...wanted, words: event.currentTarget.value })}
      />
      {SEVERITIES.map((severity) => {
        const count = report.findings.filter((finding) => finding.severity === severity).length;
        return (
          <button
            type="button"
            key={severity}
            class={`chip ${severity}`}
            aria-pressed={wanted.severities.has(severity)}
            onClick={() => toggle(severity)}
          >
            {severity} {count}
          </button>
        );
      })}
      <select
        aria-label="Host"
        value={wanted.host}
        onChange={(event) => onWanted({ ...wanted, host: event.currentTarget.value })}
      >
        <option value="">every host</option>
        {hosts.map((host) => (
          <option key={host} value={host}>
            {host}
            {report.names?.[host] ? ` (${report.names[host]})` : ''}
          </option>
        ))}
      </select>
      <select
        aria-label="Tunnel"
        value={wanted.tunnel}
        onChange={(event) => onWanted({ ...wanted, tunnel: event.currentTarget.value })}
      >
        <option value="">every tunnel</option>
        {report.tunnels.map((tunnel) => (
          <option key={tunnel.id} value={tunnel.id}>
            {tunnelName(tunnel)} {tunnel.endpoints.join(' ↔ ')}
          </option>
        ))}
      </select>
      <button type="button" onClick={() => onWanted(ALL)}>
        Reset
      </button>
      <span class="dim" role="status">
        {shown} of {report.findings.length} findings
      </span>
    </search>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState('');
  const turn = (): void => {
    const isDark = theme === '' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
    const next = isDark ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    setTheme(next);
  };
  return (
    <button type="button" onClick={turn} aria-label="Dark or light">
      ◐
    </button>
  );
}

function Tunnels({ report }: { readonly report: Report }) {
  const rows = report.tunnels.flatMap((tunnel) =>
    (tunnel.directions.length > 0 ? tunnel.directions : [null]).map((direction) => ({ tunnel, direction })),
  );
  const columns: Column<(typeof rows)[number]>[] = [
    { title: 'tunnel', value: ({ tunnel }) => tunnelName(tunnel) },
    { title: 'from', value: ({ tunnel, direction }) => direction?.from ?? tunnel.endpoints[0] ?? '' },
    { title: 'to', value: ({ tunnel, direction }) => direction?.to ?? tunnel.endpoints[1] ?? '' },
    {
      title: 'packets',
      value: ({ direction }) => direction?.packets ?? 0,
      show: ({ direction }) => countText(direction?.packets ?? 0),
    },
    {
      title: 'bytes',
      value: ({ direction }) => direction?.bytes ?? 0,
      show: ({ direction }) => countText(direction?.bytes ?? 0),
    },
    { title: 'first packet', value: ({ direction }) => timeText(direction?.first ?? null) },
    { title: 'last packet', value: ({ direction }) => timeText(direction?.last ?? null) },
    { title: 'state', value: ({ tunnel }) => tunnel.state },
    {
      title: 'inside',
      value: ({ tunnel }) =>
        tunnel.encapsulatedIn ?? (Array.isArray(tunnel.inside) ? tunnel.inside.join(', ') : ''),
    },
  ];
  return (
    <section id="tunnels" aria-labelledby="tunnels-title">
      <h2 id="tunnels-title">Tunnels</h2>
      {rows.length === 0 ? (
        <p>None seen.</p>
      ) : (
        <SortedTable caption="Directions of tunnels" columns={columns} rows={rows} />
      )}
    </section>
  );
}

function Checks({ report }: { readonly report: Report }) {
  const rows = report.checked.filter(({ result }) => result !== 'not-applicable');
  const columns: Column<(typeof rows)[number]>[] = [
    { title: 'check', value: ({ id }) => id, show: ({ id }) => <code>{id}</code> },
    {
      title: 'result',
      value: ({ result }) => result,
      show: ({ result }) => <span class={`result ${result}`}>{result}</span>,
    },
    { title: 'problems', value: ({ subjects }) => subjects.problem },
    { title: 'healthy', value: ({ subjects }) => subjects.healthy },
    { title: 'not judged', value: ({ subjects }) => subjects.insufficient },
    { title: 'what is missing', value: ({ reason }) => reason ?? '' },
  ];
  return (
    <section id="checks" aria-labelledby="checks-title">
      <h2 id="checks-title">What was checked</h2>
      {rows.length === 0 ? (
        <p>Nothing that this capture could show.</p>
      ) : (
        <SortedTable
          caption={`Checks; ${report.checked.length - rows.length} more do not apply`}
          columns={columns}
          rows={rows}
        />
      )}
    </section>
  );
}
