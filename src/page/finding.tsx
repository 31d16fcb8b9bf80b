import { useState } from 'preact/hooks';
import type { Finding, Report } from '../report/report.js';
import { FindingPictures } from './pictures.js';
import { countText, durationText, type PageClock, timeText } from './time.js';
import { anchorOf } from './timeline.js';
import { subjectText } from './words.js';

const PLACES = {
  sender: 'at the sender',
  path: 'on the path',
  receiver: 'at the receiver',
  unknown: 'place unknown',
} as const;

interface FindingProps {
  readonly finding: Finding;
  readonly report: Report;
  readonly clocks: readonly PageClock[];
}

/** One finding: what, since when, how sure, what shows it, why, and what to do. */
export function FindingCard({ finding, report, clocks }: FindingProps) {
  const { id, severity, confidence, title, explanation, causes, nextSteps, evidence, displayFilter } =
    finding;
  const causedBy = finding.causedBy ?? [];
  const titleId = `${anchorOf(finding)}-title`;
  return (
    <article class={`finding edge-${severity}`} id={anchorOf(finding)} aria-labelledby={titleId} data-id={id}>
      <header>
        <span class={`badge back-${severity}`}>{severity}</span>
        <h3 id={titleId}>{title}</h3>
        <code>{id}</code>
      </header>
      <p class="lead">{explanation}</p>
      <dl class="facts">
        <dt>Where</dt>
        <dd>
          {subjectText(finding.subject)}
          {finding.direction ? `, from ${finding.direction.from} to ${finding.direction.to}` : ''},{' '}
          {PLACES[finding.where]}
        </dd>
        <dt>Since</dt>
        <dd>{sinceText(finding)}</dd>
        <dt>Confidence</dt>
        <dd>
          {confidence}
          {finding.limitedBy.length > 0 ? `, limited by ${finding.limitedBy.join(', ')}` : ''}
        </dd>
        {causedBy.length > 0 && (
          <>
            <dt>{finding.restatementOf ? 'Says again' : 'Caused by'}</dt>
            <dd>
              {causedBy.map((key) => {
                const cause = report.findings.find((one) => one.key === key);
                return cause ? (
                  <a key={key} href={`#${anchorOf(cause)}`}>
                    {cause.title} ({cause.id}){' '}
                  </a>
                ) : (
                  <span key={key}>{key} </span>
                );
              })}
            </dd>
          </>
        )}
      </dl>
      <FindingPictures finding={finding} report={report} clocks={clocks} />
      <div class="columns">
        {causes.length > 0 && (
          <div>
            <h4>Likely causes</h4>
            <ol>
              {causes.map((cause) => (
                <li key={cause}>{cause}</li>
              ))}
            </ol>
          </div>
        )}
        {nextSteps.length > 0 && (
          <div>
            <h4>Next steps</h4>
            <ol>
              {nextSteps.map((step) => (
                <li key={step}>
                  <Copied text={step} what="step" isProse />
                </li>
              ))}
            </ol>
          </div>
        )}
      </div>
      {displayFilter !== '' && (
        <div class="filter">
          <h4>Display filter</h4>
          <Copied text={displayFilter} what="filter" />
        </div>
      )}
      <details>
        <summary>
          Evidence: {countText(evidence.length)} frames
          {finding.folded ? `, ${countText(finding.folded)} more findings like this` : ''}
        </summary>
        <table>
          <caption class="unseen">Frames that show it</caption>
          <thead>
            <tr>
              <th scope="col">frame</th>
              <th scope="col">time</th>
              <th scope="col">after</th>
              <th scope="col">what it shows</th>
            </tr>
          </thead>
          <tbody>
            {evidence.map(({ capture, frame, time, relativeSeconds, summary }) => (
              <tr key={`${capture} ${frame}`}>
                <td class="number">
                  {frame}
                  {report.captures.length > 1 ? ` (${report.captures[capture]?.file ?? capture})` : ''}
                </td>
                <td>{timeText(time).slice(11)}</td>
                <td class="number">{relativeSeconds === null ? '' : durationText(relativeSeconds)}</td>
                <td>{summary}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p>
          <b>What would disprove it:</b> {finding.refutedBy}
        </p>
        <p class="dim">
          {Object.entries(finding.counts)
            .map(([name, count]) => `${name} ${countText(count)}`)
            .join(' · ')}
        </p>
      </details>
    </article>
  );
}

function sinceText(finding: Finding): string {
  const from = timeText(finding.first);
  const first = finding.evidence[0]?.relativeSeconds;
  const start = from !== '' ? from : typeof first === 'number' ? `+${durationText(first)}` : 'unknown';
  const end = finding.ongoingAtEnd
    ? 'still so when the capture ended'
    : finding.last === null
      ? 'over'
      : `until ${timeText(finding.last)}`;
  const good =
    finding.lastGood === null ? 'not seen working before' : `well until frame ${finding.lastGood.frame}`;
  return `${start}, ${end}; ${good}`;
}

/** Text in a box of its own with a button that copies it. */
interface CopiedText {
  readonly text: string;
  readonly what: string;
  readonly isProse?: boolean;
}

function Copied({ text, what, isProse = false }: CopiedText) {
  const [state, setState] = useState('Copy');
  const copy = async (): Promise<void> => {
    setState((await toClipboard(text)) ? 'Copied' : 'Select and copy');
    setTimeout(() => setState('Copy'), 2000);
  };
  return (
    <span class="copied">
      {isProse ? text : <code>{text}</code>}
      <button type="button" onClick={copy} aria-label={`Copy the ${what}`}>
        {state}
      </button>
      <span class="unseen" role="status">
        {state === 'Copied' ? `The ${what} is copied` : ''}
      </span>
    </span>
  );
}

/** A page that is opened from a file may lack the clipboard of secure contexts. */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}
