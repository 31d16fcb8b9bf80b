import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { escapeStrings } from './escape.js';
import type { Report } from './report.js';
import { reportClock } from './report-time.js';
import { verdict } from './verdict.js';

/** What draws the page: made of `src/page/` when the program is built. */
interface PageClient {
  readonly script: string;
  readonly style: string;
}

declare const CAPAN_PAGE_CLIENT: PageClient | undefined;

/** In the tree, without a bundle around. */
const BUILT = new URL('../../dist/page-client.json', import.meta.url);

/**
 * The report as one page that needs nothing else: script, style and data are in it, and its policy lets nothing else in.
 * @throws Error in a tree where the page's client was not built.
 */
export function writeHtml(report: Report, out: (text: string) => void): void {
  const { script, style } = pageClient();
  const safe = escapeStrings(report);
  const data = inScript({ verdict: verdict(safe, reportClock(safe.captures)), report: safe });
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

function pageClient(): PageClient {
  if (typeof CAPAN_PAGE_CLIENT !== 'undefined') return CAPAN_PAGE_CLIENT;
  if (!existsSync(BUILT)) throw new Error('the page is not built: npm run build');
  return JSON.parse(readFileSync(BUILT, 'utf8'));
}
