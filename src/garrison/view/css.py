"""The looks of all pages."""

CSS = """
:root {
  color-scheme: light dark;
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  --page: light-dark(#f5f6f8, #0f1217); --card: light-dark(#ffffff, #181c23);
  --ink: light-dark(#14181f, #e8ebf0); --ink-soft: light-dark(#57606d, #9ba5b3);
  --line: light-dark(#dfe3e8, #2c323c); --c0: light-dark(#2563c9, #6ea3f7);
  --c1: light-dark(#d9822b, #f0a75c); --c2: light-dark(#2a9d6e, #5ec79b);
  --c3: light-dark(#c2413b, #ee7b74); --c4: light-dark(#8257c9, #b596f0);
  --c5: light-dark(#8a6d3b, #c5a572); --c6: light-dark(#cf5f9f, #ee95c6);
  --c7: light-dark(#6b7785, #94a0af); --c8: light-dark(#a3a021, #cfcc58);
  --c9: light-dark(#1f9eb5, #5cc9dc);
}
:root[data-scheme="light"] { color-scheme: light; }
:root[data-scheme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: .9375rem/1.5 var(--font); font-variant-numeric: tabular-nums;
}
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { margin-bottom: 1.75rem; }
.eyebrow {
  color: var(--c0); font-size: .8rem; font-weight: 600; letter-spacing: .08em; text-transform: uppercase;
}
h1 {
  font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.15; margin: .25rem 0 .5rem; overflow-wrap: anywhere;
}
h2 { font-size: 1.2rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .5rem; }
p { margin: .4rem 0 .8rem; max-width: 75ch; }
.soft, figcaption, .note { color: var(--ink-soft); }
.note { font-size: .87rem; }
:is(section, .kpi, figure) > .note:last-child { margin-bottom: 0; }
section, .kpi {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.4rem;
}
section { margin-top: 1.1rem; }
.kpis { display: grid; grid-template-columns: repeat(auto-fit, minmax(172px, 1fr)); gap: .9rem; }
.kpi .name { color: var(--ink-soft); font-size: .85rem; }
.kpi .value { font-size: 1.6rem; font-weight: 650; line-height: 1.25; letter-spacing: -.01em; }
.scroll { overflow-x: auto; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; min-width: 560px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td {
  padding: .38rem .65rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line);
}
th { color: var(--ink-soft); font-weight: 550; font-size: .82rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tbody tr:last-child :is(th, td) { border-bottom: 0; }
tr.marked td { font-weight: 600; }
td.bar {
  background: linear-gradient(color-mix(in srgb, var(--c0) 22%, transparent) 0 0) no-repeat right center;
  background-size: calc(var(--size) * .9) 70%;
}
td.heat { background: color-mix(in srgb, var(--c0) calc(var(--size) * .6), transparent); }
td.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.dense th, .dense td { padding: .34rem .42rem; font-size: .82rem; }
.dense th:first-child, .dense td:first-child { padding-left: 0; }
.stack {
  display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: .45rem .9rem; align-items: center;
}
.stack .name { overflow-wrap: anywhere; font-size: .9rem; }
.strip { display: flex; height: 26px; border-radius: 6px; overflow: hidden; background: var(--line); }
.strip i { display: block; min-width: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: .9rem 0 1.1rem; font-size: .85rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: .4em; }
details { border-top: 1px solid var(--line); }
details > summary { cursor: pointer; padding: .55rem 0; }
details > summary .right { float: right; color: var(--ink-soft); }
details[open] > summary { font-weight: 600; }
.steps td { vertical-align: top; font-size: .85rem; }
.steps th:last-child { text-align: left; }
.steps td ul { margin: 0; padding-left: 1.1rem; }
.steps td.loss { color: var(--c3); }
code { font-family: var(--mono); font-size: .86em; }
footer { margin-top: 1.5rem; color: var(--ink-soft); font-size: .85rem; }
@media (max-width: 640px) {
  main { padding: 1.5rem .75rem 3rem; }
  section, .kpi { padding: 1rem; border-radius: 10px; }
  .stack { grid-template-columns: 1fr; gap: .15rem; }
  .stack .strip { margin-bottom: .5rem; }
}
@media print { body { background: none; } section, .kpi { break-inside: avoid; } }
"""
