import { find, html } from "./dom.js";

/** Ways to pass a page on: the system's own sheet where there is one, links that need no script, and a copy. */
export function share(title, url) {
  const text = encodeURIComponent(`${title}: ${url}`);
  return html`<div class="share"><span id="share-label">Pass it on</span><ul aria-labelledby="share-label">
    ${navigator.share && html`<li><button type="button" class="chip-button" id="share-system">Share…</button></li>`}
    <li><a class="chip-button" href="mailto:?subject=${encodeURIComponent(title)}&body=${text}">E-mail</a></li>
    <li><a class="chip-button" target="_blank" rel="noopener" href="https://wa.me/?text=${text}">WhatsApp</a></li>
    <li><button type="button" class="chip-button" id="share-copy" data-track="Content Shared"
      data-track-network="copy" data-track-url="${url}">Copy link</button></li></ul></div>`;
}

export function startShare(main, title, url) {
  // A sheet that is closed again is no error.
  find("#share-system", main)?.addEventListener("click", () => navigator.share({ title, url }).catch(() => {}));
  find("#share-copy", main).addEventListener("click", ({ currentTarget: button }) => {
    const said = (text) => (button.textContent = text);
    const written = navigator.clipboard?.writeText(url) ?? Promise.reject(new Error("no clipboard without TLS"));
    written.then(() => said("Copied"), () => said("Copy it from the address bar"));
  });
}
