import { createHash } from 'node:crypto';
import { clockText, remarksOf } from './compare-text.js';
import { escapeStrings, escapeText } from './escape.js';
import type { PageWords } from './page-words.js';
import type { Report } from './report.js';
import { reportClock } from './report-time.js';
import { verdict } from './verdict.js';

/** What draws the page: made of `src/page/` when the program is built. */
export interface PageClient {
  readonly script: string;
  readonly style: string;
}

/** Put in by the build; null where it had not what it needs. */
declare const CAPAN_PAGE_CLIENT: PageClient | null;

/** Longer than any text of a diagnosis, or any filter. */
const TEXT_MAX = 10_000;

/**
 * The report as one page that needs nothing else: script, style and data are in it, and its policy lets nothing else in.
 * @param client what draws it, where that is not part of the program.
 * @throws Error where it was left out of the program.
 */
export function writeHtml(report: Report, out: (text: string) => void, client = builtIn()): void {
  const { script, style } = client;
  const safe = escapeStrings(report, shownText);
  const words: PageWords = {
    verdict: verdict(safe, reportClock(safe.captures)),
    clock: safe.compare === undefined ? '' : clockText(safe.compare),
    remarks: safe.compare?.directions.map(remarksOf) ?? [],
  };
  const data = inScript({ words, report: safe });
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  out(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>capan</title>
<style>${style}</style>
</head>
<body>
<div id="page"><noscript>This page is drawn by a script that it contains; capan analyze FILE --format text says the same in words.</noscript></div>
<script type="application/json" id="report">`);
  out(data);
  out(`</script>
<script>${script}</script>
</body>
</html>
`);
}

/** A browser lays out no name of a megabyte in any useful time. */
function shownText(text: string): string {
  return escapeText(text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`);
}

/** JSON in which nothing can end the element around it. */
function inScript(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

function builtIn(): PageClient {
  if (typeof CAPAN_PAGE_CLIENT !== 'undefined' && CAPAN_PAGE_CLIENT !== null) return CAPAN_PAGE_CLIENT;
  throw new Error('this build has no page; npm ci && npm run build makes one that has');
}
