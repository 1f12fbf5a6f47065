// Vega-Lite specifications to SVG, without a browser, by the packages vega and vega-lite, loaded when the first chart is drawn.
import type { Config, TopLevelSpec } from 'vega-lite';
import { loadOptional } from '../optionalPackage';
import { escapeHtml } from './escape';

/**
 * Colours are the page's CSS variables: SVG inside the page resolves them, so that one chart serves the light and the dark
 * scheme. Scales therefore map to opacity or to listed colours, never between two colours.
 */
const config: Config = {
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

const use = 'charts are drawn by';

/**
 * @param description What the chart shows, for those who do not see it.
 * @param minScale How small it may become; a narrower screen scrolls it instead, because its text must stay readable.
 * @returns An SVG element that fills the width it is given.
 * @throws UnsupportedError, by rejection, where vega or vega-lite is not installed.
 */
export async function renderChart(specification: TopLevelSpec, description: string, minScale = 0.75): Promise<string> {
  const vega = await loadOptional('vega', use, () => import('vega'));
  const { compile } = await loadOptional('vega-lite', use, () => import('vega-lite'));
  const { spec } = compile(specification, { config });
  const view = new vega.View(vega.parse(spec), { renderer: 'none', logLevel: vega.Error });
  try {
    const svg = await view.toSVG();
    const viewBox = /<svg[^>]* viewBox="([^"]+)"/.exec(svg)?.[1];
    if (viewBox === undefined) throw new Error('the chart has no viewBox');
    const width = Number(viewBox.split(' ')[2]);
    const size = `min-width:${Math.round(minScale * width)}px;max-width:${Math.round(1.15 * width)}px`;
    const opening = `<svg role="img" aria-label="${escapeHtml(description)}" viewBox="${viewBox}" style="${size}">`;
    return svg.replace(/<svg[^>]*>/, () => opening);
  } finally {
    view.finalize();
  }
}
