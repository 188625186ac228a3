import { html } from "./dom.js";

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

/** created = acknowledged + pending + rejected + dropped + unsure, with what it comes to. */
export function equation({ created, acknowledged, pending, rejected, dropped, unsure }) {
  const terms = [
    ["acknowledged", acknowledged],
    ["pending", pending],
    ["rejected", sum(rejected), rejected],
    ["dropped", sum(dropped), dropped],
    ["unsure", sum(unsure), unsure],
  ];
  const right = terms.reduce((total, [, count]) => total + count, 0);
  const holds = right === created;
  const names = (reasons = {}) => Object.entries(reasons).map(([reason, count]) => `${reason}: ${count}`).join(", ");
  const term = (sign, name, count, reasons) => html`<span class="term term-${name} ${count === 0 ? "zero" : ""}"
    title="${names(reasons)}"><i class="sign">${sign}</i><b>${count}</b><span>${name}</span></span>`;
  return html`<p class="equation">${term("", "created", created)}
    ${terms.map(([name, count, reasons], index) => term(index === 0 ? "=" : "+", name, count, reasons))}</p>
    <p class="small ${holds ? "good" : "bad"}">${holds
      ? "✓ It adds up: no event went missing unseen."
      : `✗ The right side comes to ${right}.`}</p>`;
}
