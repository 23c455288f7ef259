/**
 * The style of the HTML report, and its hash for the content security policy.
 *
 * @since 0.1.0
 */

/**
 * The most agents that the claims can be filtered by.
 *
 * @category configuration
 * @since 0.1.0
 */
export const filterLimit = 12

/**
 * The colours of both schemes.
 *
 * @category configuration
 * @since 0.1.0
 */
export const palette = {
  light: {
    paper: "#f5f3ee",
    card: "#ffffff",
    sunk: "#f0ede6",
    ink: "#1b2330",
    muted: "#566072",
    line: "#dcd7cc",
    accent: "#23457a",
    thread: "#b04a2f",
    bar: "#3f6ba8",
    grid: "#e3dfd5",
    good: "#1d6b45",
    bad: "#a51f2d",
    waiting: "#8a5300",
    critical: "#a3123a",
    high: "#a8430b",
    medium: "#7a5b00",
    low: "#3a5f86",
    unrated: "#566072"
  },
  dark: {
    paper: "#12161d",
    card: "#1a202a",
    sunk: "#222a36",
    ink: "#e8ebf0",
    muted: "#a3adbd",
    line: "#333d4c",
    accent: "#9dbdf0",
    thread: "#f0916f",
    bar: "#6f9fe0",
    grid: "#2a3340",
    good: "#7fd3a6",
    bad: "#ff9aa2",
    waiting: "#f1c27a",
    critical: "#ff93ad",
    high: "#ffb185",
    medium: "#e8cd74",
    low: "#9cc4ec",
    unrated: "#a3adbd"
  }
} as const

const variables = (colours: Readonly<Record<string, string>>): string =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(";")

const filters = Array.from({ length: filterLimit }, (_, index) => index)

/**
 * @category configuration
 * @since 0.1.0
 */
export const css = `
:root{color-scheme:light dark;${variables(palette.light)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(palette.dark)}}}
*,*::before,*::after{box-sizing:border-box}
html{font-size:100%;-webkit-text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;overflow-wrap:anywhere}
h1,h2,h3,h4,p,ul,ol,dl,dd,figure,table,blockquote{margin:0;padding:0}
ul,ol{list-style:none}
h1,h2{font-family:"Iowan Old Style",Charter,"Bitstream Charter",Palatino,"Palatino Linotype",Georgia,"DejaVu Serif",serif;font-weight:600;line-height:1.15;letter-spacing:-.01em}
h1{font-size:clamp(1.9rem,1.3rem + 2.4vw,3rem)}
h2{font-size:1.5rem}
h3{font-size:1.05rem;line-height:1.35}
h4{font-size:.95rem;line-height:1.4}
code,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px;text-decoration-color:color-mix(in srgb,currentColor 45%,transparent)}
a:hover{text-decoration-color:currentColor;text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--thread);outline-offset:2px;border-radius:3px}
svg{display:block;overflow:visible}
small,.small{font-size:.84rem}
.muted{color:var(--muted)}
.num{font-variant-numeric:tabular-nums}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:1rem;top:-5rem;z-index:9;background:var(--card);padding:.6rem 1rem;border-radius:0 0 8px 8px}
.skip:focus{top:0}
.wrap{max-width:76rem;margin-inline:auto;padding-inline:clamp(1rem,4vw,2.5rem)}
.masthead{background:var(--card);padding-block:2.25rem 1.5rem;border-bottom:1px solid var(--line)}
.eyebrow{font-size:.8rem;letter-spacing:.09em;text-transform:uppercase;color:var(--muted);font-weight:600}
.masthead h1{margin-block:.3rem .9rem}
.stitch{border:0;border-top:2px dashed var(--thread);width:5.5rem;margin:0 0 1.1rem}
.verdict{font-size:1.12rem;max-width:80ch}
.verdict .tag{vertical-align:.12em;margin-right:.35em}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;margin-top:.9rem;color:var(--muted);font-size:.9rem}
.facts dt{display:inline}.facts dt::after{content:" "}.facts dd{display:inline;color:var(--ink)}
.contents{border-bottom:1px solid var(--line);background:var(--card)}
.contents ul{display:flex;flex-wrap:wrap;gap:.1rem 1.35rem;padding-block:.6rem}
.contents a{display:inline-block;padding-block:.2rem;text-decoration:none;font-size:.92rem;font-weight:500}
.contents a:hover{text-decoration:underline}
.contents span{color:var(--muted);font-weight:400}
main{padding-block:2rem 3rem}
main>section{margin-bottom:3rem}
main>section>h2{margin-bottom:1rem}
main>section>h2:has(+.lead){margin-bottom:.35rem}
.lead{color:var(--muted);max-width:80ch;margin-bottom:1.1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.25rem clamp(1rem,2.5vw,1.5rem)}
.card+.card,.figures+.card{margin-top:1rem}
.prose{white-space:pre-line;max-width:75ch}
.figures{display:flex;flex-wrap:wrap;gap:1px;background:var(--line);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.figures>div{background:var(--card);padding:1rem 1.15rem;flex:1 1 10.5rem}
.figures dt{color:var(--muted);font-size:.86rem;font-weight:500}
.figures dd{font-size:1.75rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.figures dd.note{font-size:.84rem;font-weight:400;color:var(--muted);letter-spacing:0;line-height:1.4}
.tag{display:inline-flex;align-items:center;gap:.35em;border:1px solid currentColor;border-radius:99px;padding:.05rem .6rem;font-size:.8rem;font-weight:600;line-height:1.5;white-space:nowrap}
.tag.plain{font-weight:500;color:var(--muted);border-color:var(--line)}
.tag.solid{background:var(--thread);border-color:var(--thread);color:var(--card)}
.mark{width:.8em;height:.8em;flex:none;fill:none;stroke:currentColor;stroke-width:2.4;stroke-linecap:round;stroke-linejoin:round}
.good{color:var(--good)}.bad{color:var(--bad)}.waiting{color:var(--waiting)}.idle{color:var(--muted)}
.critical{color:var(--critical)}.high{color:var(--high)}.medium{color:var(--medium)}.low{color:var(--low)}.unrated{color:var(--unrated)}
.row{display:grid;grid-template-columns:14rem minmax(0,1fr) 10rem;gap:0 1rem;align-items:center}
.timeline .row{border-top:1px solid var(--grid);padding-block:.3rem}
.timeline .row.axis{border-top:0;color:var(--muted);font-size:.78rem}
.timeline svg{width:100%}
.timeline .who{display:flex;gap:.5rem;align-items:center;font-weight:600;font-size:.94rem}
.timeline .who small{font-weight:400;color:var(--muted)}
.timeline .end{text-align:right;font-size:.88rem;font-variant-numeric:tabular-nums}
.axis text{fill:var(--muted);font-size:12px}
.tick{stroke:var(--grid);stroke-width:1}
.wait{stroke:var(--muted);stroke-width:1.5;stroke-dasharray:2 4}
.bar{stroke-width:1.5}
.bar.good{fill:var(--bar);stroke:var(--bar)}
.bar.bad{fill:var(--card);stroke:var(--bad);stroke-dasharray:none}
.bar.fill-bad{fill:var(--bad);opacity:.28;stroke:none}
.bar.waiting{fill:var(--card);stroke:var(--waiting);stroke-dasharray:6 4}
.bar.idle{fill:var(--card);stroke:var(--muted);stroke-dasharray:2 3}
.compare{display:grid;gap:.9rem;margin-top:.9rem}
.compare li{display:grid;grid-template-columns:14rem minmax(0,1fr) 10rem;gap:.1rem 1rem;align-items:center}
.compare li>svg{width:100%}
.compare svg svg{overflow:hidden}
.compare .end{text-align:right;font-variant-numeric:tabular-nums;font-weight:600}
.compare rect{fill:var(--muted)}
.compare .label{fill:var(--card);font-size:11.5px}
@media (max-width:46rem){.compare .label{display:none}}
.compare .this rect{fill:var(--bar)}
details>summary{cursor:pointer;padding-block:.35rem}
details>summary>h3,details>summary>h4{display:inline}
.reveal{margin-top:.9rem;font-size:.92rem}
.reveal>summary{color:var(--accent);font-weight:500}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{overflow-wrap:break-word;text-align:left;vertical-align:top;padding:.5rem .9rem .5rem 0;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-weight:500;font-size:.84rem}
tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
td.n,th.n{text-align:right}
.conflict{border-left:4px solid var(--line)}
.conflict.blocking{border-left-color:var(--thread)}
.conflict>header{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center;justify-content:space-between;margin-bottom:.9rem}
.tags{display:flex;flex-wrap:wrap;gap:.35rem}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:.8rem}
.side{background:var(--sunk);border-radius:8px;padding:.9rem 1.05rem}
.side header{display:flex;flex-wrap:wrap;gap:.3rem .7rem;align-items:center;justify-content:space-between;margin-bottom:.5rem}
.says{font-weight:600;font-size:.88rem;display:inline-flex;gap:.4em;align-items:center}
.side blockquote,.shared{white-space:pre-line}
.shared{margin-bottom:.9rem;max-width:90ch}
.side.upheld{outline:2px solid var(--good);outline-offset:-2px}
.settled{margin-top:.9rem;border-left:4px solid var(--good);padding-left:.9rem}
.told{margin-top:.5rem}
.ask{margin-top:.9rem}
.merge{margin-top:.9rem}
.hunk{border-top:1px solid var(--grid);padding-top:.6rem;margin-top:.6rem}
.hunk figcaption{font-size:.86rem;font-weight:600;margin-bottom:.2rem}
.hunk pre{margin:0;background:var(--sunk);border-radius:8px;padding:.6rem .8rem;overflow-x:auto;font:.84rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.conclusion .prose{max-width:90ch}
.prose+.prose,.conclusion .from{margin-top:.8rem}
.issues{display:grid;gap:.6rem;margin-top:.6rem}
.issues li{display:block}
.sure{display:flex;align-items:center;gap:.6rem;font-size:.86rem;color:var(--muted);margin-top:.6rem}
.sure svg{width:5.5rem;flex:none}
.sure .track{fill:var(--line)}.sure .level{fill:var(--bar)}
.evidence{margin-top:.5rem;font-size:.88rem;display:flex;flex-wrap:wrap;gap:.3rem .4rem}
.evidence li{background:var(--sunk);border-radius:5px;padding:.05rem .45rem;max-width:100%}
.side .evidence li{background:var(--card)}
.insights{columns:3 21rem;column-gap:1rem}
.insights li.card{margin:0 0 1rem;break-inside:avoid}
.insights .statement{margin-block:.5rem .8rem;font-weight:500}
.cites{display:grid;gap:.3rem;font-size:.88rem}
.insights .rests{border-top:1px solid var(--line);padding-top:.6rem}
.rests>details{font-size:.88rem}
.agreements>li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.2rem 1.2rem;padding-block:.8rem;border-top:1px solid var(--line)}
.agreements>li:first-child{border-top:0;padding-top:0}.agreements>li:last-child{padding-bottom:0}
.agreements .from{grid-column:1/-1;color:var(--muted);font-size:.88rem}
.agreements details[open]>summary{margin-bottom:.3rem}
.filter{display:none;border:0;padding:0;margin:0 0 1rem}
@supports selector(:has(*)){.filter{display:flex;flex-wrap:wrap;gap:.4rem .5rem;align-items:center}}
.filter legend{float:left;font-size:.88rem;color:var(--muted);padding:0;margin-right:.4rem}
.filter label{cursor:pointer;font-size:.88rem;border:1px solid var(--line);background:var(--card);border-radius:99px;padding:.2rem .8rem}
.filter input{position:absolute;opacity:0}
.filter label:has(:checked){background:var(--accent);border-color:var(--accent);color:var(--card);font-weight:600}
.filter label:has(:focus-visible){outline:3px solid var(--thread);outline-offset:2px}
.group{background:var(--card);border:1px solid var(--line);border-radius:12px;margin-bottom:.8rem}
.group>summary{padding:.8rem clamp(1rem,2.5vw,1.5rem)}
.group .count{color:var(--muted);font-weight:400;font-size:.9rem}
.claim{padding:.85rem clamp(1rem,2.5vw,1.5rem);border-top:1px solid var(--line);display:grid;grid-template-columns:minmax(0,1fr) 15rem;gap:.2rem 1.6rem}
.claim .text{white-space:pre-line}
.claim .meta{font-size:.86rem;color:var(--muted)}
.claim .meta strong{color:var(--ink)}
.claim .evidence{grid-column:1;margin-top:.3rem}
.claim .meta{grid-row:1/span 2;grid-column:2}
.claim:target,.conflict:target,.agent:target{outline:3px solid var(--thread);outline-offset:-3px;border-radius:8px}
.count[data-agent]{display:none}
${filters
  .map(
    (index) =>
      `#claims:has(#only-${index}:checked) .claim:not(.by-${index}):not(:target),#claims:has(#only-${index}:checked) .count:not([data-agent="${index}"]){display:none}
#claims:has(#only-${index}:checked) .count[data-agent="${index}"]{display:inline}`
  )
  .join("\n")}
.agent>summary>*{margin-right:.7rem}
.agent>div{padding:0 clamp(1rem,2.5vw,1.5rem) 1.1rem}
.agent dl.facts{margin-block:.4rem .8rem}
.agent .part{margin-top:.9rem}
.agent .part h4{margin-bottom:.2rem}
.agent .part li{padding-block:.15rem}
.plainlist li{font-size:.92rem}
.columns{columns:2 20rem;column-gap:2rem}
.columns li{break-inside:avoid}
.census>svg{width:100%;margin-block:.4rem 1rem}
.census .reported{fill:var(--good)}.census .failed{fill:var(--bad)}.census .missing{fill:var(--waiting)}.census .placeholder{fill:var(--muted)}
.foot{border-top:1px solid var(--line);padding-block:1.4rem 2.5rem;color:var(--muted);font-size:.88rem}
.top{margin-top:.4rem}
.troubles{display:grid;gap:.45rem;margin-top:.4rem}
.troubles li{display:flex;flex-wrap:wrap;gap:.2rem .6rem;align-items:baseline}
@media (max-width:46rem){
.masthead{padding-block:1.6rem 1.1rem}
main>section{margin-bottom:2.3rem}
.figures>div{flex-basis:40%}
.figures dd{font-size:1.4rem}
.row,.compare li{grid-template-columns:minmax(0,1fr) auto}
.row>svg,.row>.chart,.compare svg{grid-column:1/-1;grid-row:2}
.row.axis>*:not(svg),.timeline .who small{display:none}
.timeline .who{overflow-wrap:break-word}
.row.axis>svg{grid-row:1}
.claim{grid-template-columns:minmax(0,1fr)}
.claim .meta,.claim .evidence{grid-column:1;grid-row:auto}
.agreements>li{grid-template-columns:minmax(0,1fr)}
.contents ul{flex-wrap:nowrap;overflow-x:auto}
.contents li{white-space:nowrap}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media (forced-colors:active){.bar,.compare rect,.sure .level,.census rect{forced-color-adjust:none}}
@media print{
body{background:none;font-size:10pt}
.skip,.contents,.filter,.top{display:none}
.masthead,.card,.group{border-color:#bbb}
.reveal:not([open]){display:none}
details::details-content{content-visibility:visible;display:block;height:auto}
.conflict,.insights li,.claim,.row,tr{break-inside:avoid}
h2,h3,.lead{break-after:avoid}
main>section{margin-bottom:1.5rem}
}
`

/**
 * The SHA-256 of the style; a test holds it to that.
 *
 * @category configuration
 * @since 0.1.0
 */
export const cssHash = "sha256-nDwuQzGgOVs6wj2EDQp/GwuLaHtzdRC7+54g++f4kVQ="
