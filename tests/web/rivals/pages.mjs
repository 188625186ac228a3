/** The pages on which trackers are measured. The one for blocking is a long read that has work of its own to do. */

const FONT = "font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:auto;padding:1rem";

/** Nearly nothing, so that what is measured is the tracker's. */
export const barePage = (head) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bare</title>
<meta name="viewport" content="width=device-width">${OBSERVER}${head}</head>
<body style="${FONT}"><h1>Bare page</h1><p>One paragraph and <a href="#a">a link</a>.</p></body></html>`;

/** An article of 40 sections with pictures, a form and a script that brings lists to life in slices. */
export const contentPage = (head) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Content</title>
<meta name="viewport" content="width=device-width">${OBSERVER}<script defer src="/site.js"></script>${head}</head>
<body style="${FONT}"><h1>A long read</h1>${Array.from({ length: 40 }, (_, index) => section(index)).join("")}
<form><label>Letters, monthly <input type="email" name="email"></label><button>Subscribe</button></form></body></html>`;

/** The site's own work, in slices: a tracker's work lands between them or on top of them. */
export const SITE_SCRIPT = `
const slice = (index) => {
  const list = document.createElement("ul");
  let seed = index + 1;
  for (let count = 0; count < 150; count++) {
    seed = (seed * 48271) % 2147483647;
    const item = document.createElement("li");
    item.innerHTML = '<a href="#s' + (seed % 40) + '">Related, ' + seed.toString(36) + "</a>";
    list.append(item);
  }
  document.body.append(list);
  if (index < 3) setTimeout(slice, 30, index + 1);
};
slice(0);`;

const OBSERVER = `<script>
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) longTasks.push({ start: entry.startTime, ms: entry.duration });
}).observe({ type: "longtask", buffered: true });
</script>`;

const WORDS = "wake keel sail tide harbour light chart rope wind deck bow stern swell cove mast anchor".split(" ");

function section(index) {
  const text = Array.from({ length: 90 }, (_, place) => WORDS[(index * 7 + place * place) % WORDS.length]).join(" ");
  const picture = `<svg viewBox="0 0 80 20" width="100%" role="img" aria-label="waves"><path fill="none" stroke="#357"
d="M0 10${Array.from({ length: 20 }, (_, wave) => `q2 ${((index + wave) % 5) - 7} 4 0`).join("")}"/></svg>`;
  return `<section id="s${index}"><h2>Part ${index + 1}</h2>${index % 6 === 0 ? picture : ""}<p>${text}</p>
<p><a href="#s${(index * 31) % 40}">Read on</a></p></section>`;
}
