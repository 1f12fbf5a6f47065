// The parts of a report's page. Every function returns HTML; text arguments are escaped here.
import { escapeHtml } from './escape';
import { style } from './style';

export interface Page {
  readonly title: string;
  readonly summary: string;
  /** HTML. */
  readonly body: string;
  /** Seconds after which a browser loads the page again; never if left out. */
  readonly refresh?: number;
}

/** One self-contained page without scripts. */
export function page({ title, summary, body, refresh }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">${
    refresh === undefined ? '' : `\n<meta http-equiv="refresh" content="${refresh}">`
  }
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(summary)}</p>
</header>
${body}
</main>
</body>
</html>
`;
}

/** @param parts HTML. */
export function section(title: string, parts: readonly string[]): string {
  const id = title.toLowerCase().replace(/[^a-z]+/g, '-');
  return `<section aria-labelledby="${id}">\n<h2 id="${id}">${escapeHtml(title)}</h2>\n${parts.join('\n')}\n</section>`;
}

export interface Fact {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

/** The figures that matter most, large. */
export function facts(entries: readonly Fact[]): string {
  const items = entries.map(
    ({ label, value, note }) =>
      `<div><dt>${escapeHtml(label)}</dt><dd><strong>${escapeHtml(value)}</strong> <span>${escapeHtml(note)}</span></dd></div>`,
  );
  return `<dl class="facts">${items.join('')}</dl>`;
}

export function figure(svg: string, caption: string): string {
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption><div class="chart">${svg}</div></figure>`;
}

export interface TableOptions {
  /** The table is folded away under it. */
  readonly summary?: string;
  /** No numbers: all cells are aligned to the left. */
  readonly text?: boolean;
}

/** @param rows The first cell is the row's header. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { summary, text = false }: TableOptions = {},
): string {
  const titles = head.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join('');
  const body = rows
    .map(([first, ...cells]) => {
      const data = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('');
      return `<tr><th scope="row">${escapeHtml(first)}</th>${data}</tr>`;
    })
    .join('\n');
  const html = `<div class="scroll"><table${text ? ' class="text"' : ''}><thead><tr>${titles}</tr></thead><tbody>${body}</tbody></table></div>`;
  return summary === undefined ? html : `<details><summary>${escapeHtml(summary)}</summary>${html}</details>`;
}
