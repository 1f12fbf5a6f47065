/** Vega-Lite specifications to SVG, without a browser. */
import * as vega from 'vega';
import { compile } from 'vega-lite';
import { escapeHtml } from './escape.mjs';

/**
 * Colours are the page's CSS variables: SVG inside the page resolves them, so that one chart serves the light and the dark
 * scheme. Scales therefore map to opacity or to listed colours, never between two colours.
 * @type {import('vega-lite').Config}
 */
const CONFIG = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  // The marks' own labels would make a screen reader read hundreds of numbers; the figure has a description and a table.
  aria: false,
  axis: {
    domainColor: 'var(--rule)',
    gridColor: 'var(--rule)',
    tickColor: 'var(--rule)',
    labelColor: 'var(--muted)',
    titleColor: 'var(--muted)',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 10,
  },
  legend: { labelColor: 'var(--ink)', labelFontSize: 13, orient: 'top', title: null, symbolStrokeWidth: 3, offset: 12 },
  text: { fontSize: 12 },
};

/**
 * @param {import('vega-lite').TopLevelSpec} specification
 * @param {string} description what the chart shows, for those who do not see it
 * @param {number} [minScale] how small it may become; a narrower screen scrolls it instead, because its text must stay readable
 * @returns {Promise<string>} an SVG element that fills the width it is given
 */
export async function renderChart(specification, description, minScale = 0.75) {
  const { spec } = compile(specification, { config: CONFIG });
  const view = new vega.View(vega.parse(spec), { renderer: 'none', logLevel: vega.Error });
  try {
    const svg = await view.toSVG();
    const viewBox = /<svg[^>]* viewBox="([^"]+)"/.exec(svg)?.[1];
    if (viewBox === undefined) throw new Error('the chart has no viewBox');
    const width = Number(viewBox.split(' ')[2]);
    const style = `min-width:${Math.round(minScale * width)}px;max-width:${Math.round(1.15 * width)}px`;
    const opening = `<svg role="img" aria-label="${escapeHtml(description)}" viewBox="${viewBox}" style="${style}">`;
    return svg.replace(/<svg[^>]*>/, () => opening);
  } finally {
    view.finalize();
  }
}
