/** The parts of the report's page. Every function returns HTML; text arguments are escaped here. */
import { fashionMnistClasses as CLASS_NAMES } from 'receptive/data';
import { percent } from '../text.mjs';
import { escapeHtml } from './escape.mjs';
import { STYLE } from './style.mjs';

/** @param {{ title: string, summary: string, body: string }} content body is HTML */
export function page({ title, summary, body }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
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

/**
 * @param {string} title
 * @param {string[]} parts HTML
 */
export function section(title, parts) {
  const id = title.toLowerCase().replace(/[^a-z]+/g, '-');
  return `<section aria-labelledby="${id}">\n<h2 id="${id}">${escapeHtml(title)}</h2>\n${parts.join('\n')}\n</section>`;
}

/** @param {{ label: string, value: string, note: string }[]} entries */
export function facts(entries) {
  const items = entries.map(
    ({ label, value, note }) =>
      `<div><dt>${escapeHtml(label)}</dt><dd><strong>${escapeHtml(value)}</strong> <span>${escapeHtml(note)}</span></dd></div>`,
  );
  return `<dl class="facts">${items.join('')}</dl>`;
}

/**
 * @param {string} svg
 * @param {string} caption
 */
export function figure(svg, caption) {
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption><div class="chart">${svg}</div></figure>`;
}

/**
 * @param {string[]} head
 * @param {string[][]} rows the first cell is the row's header
 * @param {{ summary?: string, text?: boolean }} [options] summary: folded away under it; text: no numbers, all left-aligned
 */
export function table(head, rows, { summary, text = false } = {}) {
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

/** @param {(import('./samples.mjs').Sample & { image: string })[]} samples */
export function gallery(samples) {
  const items = samples.map(({ image, index, actual, predicted, confidence }) => {
    const right = actual === predicted;
    const truth = right ? '' : `<span class="truth">is ${escapeHtml(CLASS_NAMES[actual])}</span>`;
    // The mark, not the colour alone, says which are wrong.
    const mark = right
      ? '<span class="mark" role="img" aria-label="right">✓</span>'
      : '<span class="mark" role="img" aria-label="wrong">✗</span>';
    const caption = `${mark} ${escapeHtml(CLASS_NAMES[predicted])} <span class="confidence">${percent(confidence)}</span>${truth}`;
    const alt = `test image ${index}: ${CLASS_NAMES[actual]}`;
    return `<li class="${right ? 'right' : 'wrong'}"><img src="${image}" alt="${escapeHtml(alt)}" width="84" height="84"><p>${caption}</p></li>`;
  });
  return `<ul class="gallery">${items.join('\n')}</ul>`;
}
