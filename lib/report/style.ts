/** The style sheet of a report. The variables are also the colours of the charts. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --surface: #ffffff; --ink: #1b1f24; --muted: #57606a; --faint: #656d76; --rule: #d9dee4; --cell: #eef1f4;
  --series-1: #2563c9; --series-2: #c2410c;
  --series-3: #0f766e; --series-4: #7e3fb0; --series-5: #8a6d00; --right: #1f5fbf; --wrong: #d1495b; --on-fill: #ffffff;
  --negative: #b42f4a; --positive: #1f5fbf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --surface: #181c22; --ink: #e8ebef; --muted: #a3adb8; --faint: #8b96a2; --rule: #323943; --cell: #222831;
    --series-1: #6ea8fe; --series-2: #ff9d5c;
    --series-3: #4fd1c5; --series-4: #c79bf2; --series-5: #e3c04b; --right: #6ea8fe; --wrong: #f2788a; --on-fill: #0f1216;
    --negative: #f2788a; --positive: #6ea8fe;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 40px 20px 60px; }
header p { margin: 0; color: var(--muted); }
h1 { margin: 0 0 4px; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0 0 16px; font-size: 20px; }
h3 { margin: 20px 0 10px; font-size: 15px; font-weight: 600; }
section, .facts > div { background: var(--surface); border: 1px solid var(--rule); border-radius: 12px; }
section { margin-top: 20px; padding: 24px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px; margin: 28px 0 0; }
.facts > div { padding: 16px 20px; }
.facts dt { color: var(--muted); font-size: 14px; }
.facts dd { margin: 0; }
.facts strong { display: block; font-size: 30px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.facts span { color: var(--muted); font-size: 13px; }
figure { margin: 0; }
figcaption { margin-bottom: 10px; font-size: 15px; font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 24px; }
.chart { overflow-x: auto; }
.chart svg { display: block; width: 100%; margin: 0 auto; height: auto; font-family: inherit; }
.note { margin: 14px 0; color: var(--muted); font-size: 14px; }
details summary { cursor: pointer; color: var(--muted); font-size: 14px; }
.scroll { overflow-x: auto; margin-top: 16px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, .text th, .text td { text-align: left; padding-left: 0; }
.text th, .text td { white-space: normal; overflow-wrap: anywhere; }
.text th:first-child { overflow-wrap: normal; }
td:last-child { text-align: left; }
thead th:last-child { text-align: left; }
details td:last-child, details thead th:last-child { text-align: right; }
thead th { color: var(--muted); font-weight: 500; }
tbody th { font-weight: 500; }
tbody tr:last-child > * { border-bottom: 0; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(176px, 1fr)); gap: 16px; margin: 0; padding: 0; list-style: none; }
.gallery li { display: flex; gap: 10px; align-items: center; }
.gallery img { flex: none; width: 84px; height: 84px; border-radius: 8px; image-rendering: pixelated; }
.gallery p { margin: 0; font-size: 13px; line-height: 1.4; }
.gallery .confidence, .gallery .truth { display: block; color: var(--muted); }
.right .mark { color: var(--right); }
.wrong .mark { color: var(--wrong); }
@media (max-width: 560px) {
  main { padding: 24px 12px 40px; }
  h1 { font-size: 25px; }
  section { padding: 16px; }
  .facts { grid-template-columns: repeat(2, 1fr); gap: 12px; margin-top: 20px; }
  .facts > div { padding: 12px 16px; }
  .facts strong { font-size: 25px; }
  .gallery { grid-template-columns: repeat(auto-fill, minmax(136px, 1fr)); gap: 12px; }
  .gallery img { width: 56px; height: 56px; }
}
@media print { section { break-inside: avoid; } }
`;
