/** Images with what the network says of them, as HTML. */
import { fashionMnistClasses as CLASS_NAMES } from 'receptive/data';
import { escapeHtml } from '#dist/report/escape.js';
import { percent } from '#dist/report/text.js';

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
