import { render } from 'preact';
import type { PageWords } from '../report/page-words.js';
import type { Report } from '../report/report.js';
import { App } from './app.js';

/* The page is a client of the report that it holds. */

const data = document.getElementById('report')?.textContent ?? '';
const place = document.getElementById('page');
if (place !== null) {
  const { report, words }: { readonly report: Report; readonly words: PageWords } = JSON.parse(data);
  document.title = `capan: ${words.verdict.slice(0, 120)}`;
  place.replaceChildren();
  render(<App report={report} words={words} />, place);
}
// What is folded is printed too.
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
