import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number;
  readonly show?: (row: Row) => ComponentChildren;
}

/** A table that is sorted by the heading that is pressed. */
export function SortedTable<Row>({
  caption,
  columns,
  rows,
}: {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}) {
  const [sort, setSort] = useState<{ readonly column: number; readonly isDown: boolean } | null>(null);
  const sorted =
    sort === null
      ? rows
      : [...rows].sort((a, b) => compare(columns[sort.column], a, b) * (sort.isDown ? -1 : 1));
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, value }, column) => (
              <th
                key={title}
                class={typeof rows.map(value)[0] === 'number' ? 'number' : ''}
                scope="col"
                aria-sort={sort?.column === column ? (sort.isDown ? 'descending' : 'ascending') : 'none'}
              >
                <button
                  type="button"
                  onClick={() => setSort({ column, isDown: sort?.column === column && !sort.isDown })}
                >
                  {title}
                  <span aria-hidden="true">{sort?.column === column ? (sort.isDown ? ' ▼' : ' ▲') : ''}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row, index) => (
            <tr key={index}>
              {columns.map(({ title, value, show }) => (
                <td key={title} class={typeof value(row) === 'number' ? 'number' : ''}>
                  {show === undefined ? value(row) : show(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function compare<Row>({ value }: Column<Row>, a: Row, b: Row): number {
  const [x, y] = [value(a), value(b)];
  return typeof x === 'number' && typeof y === 'number'
    ? x - y
    : String(x).localeCompare(String(y), 'en', { numeric: true });
}
