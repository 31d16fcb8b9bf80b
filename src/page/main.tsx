import { render } from 'preact';
import { App } from './app.js';

/* The page is a client of the report that it holds. */

const data = document.getElementById('report')?.textContent ?? '';
const place = document.getElementById('page');
if (place !== null) {
  const { report, verdict } = JSON.parse(data);
  document.title = `capan: ${String(verdict).slice(0, 120)}`;
  place.replaceChildren();
  render(<App report={report} verdict={verdict} />, place);
}
// What is folded is printed too.
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
