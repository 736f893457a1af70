/** The report's style sheet: light and dark by the reader's choice, and one sheet of paper. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--ink:#1f2328;--muted:#59636e;--line:#d1d9e0;--paper:#fff;--accent:#2f6f9f;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9198a1;--line:#3d444d;--paper:#14181d;--accent:#6cb0df;--warn:#d29922}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 24px 40px}
h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:18px;margin:28px 0 8px}
h3{font-size:14px;margin:8px 0 4px;color:var(--muted)}
p{margin:6px 0}
header p,.note{color:var(--muted)}
.note{font-size:13px}
figure{margin:18px 0 0}
img{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:6px;background:#fff}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;font-weight:400;white-space:nowrap}
thead th{color:var(--muted);font-size:13px}
th:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
tfoot th,tfoot td{border-bottom:0;font-weight:600}
td.bars{width:30%;text-align:left}
.bar{display:block;height:12px;min-width:1px;border-radius:2px;box-shadow:inset 0 0 0 1px rgba(128,128,128,.45)}
.swatch{display:inline-block;width:14px;height:14px;margin-right:9px;border-radius:3px;vertical-align:-2px;box-shadow:inset 0 0 0 1px rgba(128,128,128,.6)}
.swatch,.bar{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:0 40px}
svg{display:block;width:100%;height:auto;font-size:12px}
svg text{fill:var(--muted)}
svg .grid line{stroke:var(--line);stroke-dasharray:2 3}
svg .axis line{stroke:var(--muted)}
svg .bars rect{fill:var(--accent)}
.figure{font-size:16px}
.figure strong{font-size:30px;font-weight:600;margin-right:4px}
.facts{grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:0 28px}
dl{margin:0}
dl div{display:flex;gap:12px;padding:2px 0}
dt{flex:0 0 40%;color:var(--muted)}
dd{margin:0;flex:1;min-width:0;overflow-wrap:anywhere}
.warnings h3{color:var(--warn)}
.warnings ul{margin:0;padding-left:18px}
@media(max-width:640px){td.bars,thead td.bars{display:none}th,td{padding:5px 6px}}
@page{size:A4;margin:12mm}
@media print{
:root{--ink:#000;--muted:#444;--line:#bbb;--paper:#fff;--accent:#2f6f9f;--warn:#7a5200}
body{font-size:10.5px}
main{max-width:none;padding:0}
h1{font-size:17px}h2{font-size:13px;margin:10px 0 4px}h3{font-size:11px}
.note{font-size:9.5px}.figure{font-size:11px}.figure strong{font-size:18px}
img{max-height:84mm;width:auto;max-width:100%;margin:0 auto}
th,td{padding:2px 6px}thead th{font-size:9.5px}
.columns{grid-template-columns:1fr 1fr;gap:0 24px}
.facts{grid-template-columns:repeat(4,1fr);gap:0 16px}
svg{max-height:34mm}
section{break-inside:avoid}
}
`;
