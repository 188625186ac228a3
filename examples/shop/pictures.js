import { html } from "./dom.js";

/** Drawings on a field of 200 by 200; `a` is the thing's colour, `b` the field's. */
const SHAPES = {
  espadrille: (a) => html`
    <path d="M22 128c8-6 14-32 24-44 5-5 14-4 20 2 12 13 26 22 48 26 30 5 58 8 64 24v10H22z" fill="${a}"/>
    <path d="M46 84c5-5 14-4 20 2 6 7 12 12 19 17-12 6-34 5-47-3 3-7 5-12 8-16z" fill="#fff" opacity=".35"/>
    <path d="M18 138h164c4 0 4 20-6 20H26c-10 0-12-20-8-20z" fill="#d9b98a"/>
    <path d="M20 145h160M22 152h156" stroke="#b18f5c" stroke-width="2.5" stroke-dasharray="6 5"/>
    <path d="M112 113c6 4 6 14 0 22" stroke="#fff" stroke-width="3" fill="none" opacity=".7"/>`,
  deckshoe: (a) => html`
    <path d="M22 132c2-22 8-44 20-50 10-4 18 8 32 12 18 6 28 10 50 16 26 6 56 8 56 26z" fill="${a}"/>
    <path d="M74 94c14 5 26 9 44 15l-14 18c-16-4-32-12-40-20z" fill="#fff" opacity=".28"/>
    <path d="M82 92l-10 16M96 98l-10 16M110 103l-10 16" stroke="#fff" stroke-width="5" stroke-linecap="round"/>
    <path d="M22 124c40 8 110 10 158 6" stroke="#c98b5a" stroke-width="4" fill="none"/>
    <path d="M18 134h164c5 0 4 20-6 20H26c-10 0-12-20-8-20z" fill="#fff"/>
    <path d="M20 147h160" stroke="${a}" stroke-width="3"/>`,
  boot: (a) => html`
    <path d="M66 30h52l-2 80c14 10 52 10 58 32v10H62c2-36 6-80 4-122z" fill="${a}"/>
    <path d="M66 30h52v16H66z" fill="#fff" opacity=".45"/>
    <path d="M76 56c2 30 0 52-2 84" stroke="#fff" stroke-width="5" opacity=".4" fill="none" stroke-linecap="round"/>
    <path d="M58 148h120v14H104l-4-6H92v8H58z" fill="#5b4a2f"/>
    <path d="M116 112c-8 4-18 4-26 2" stroke="#a97b1d" stroke-width="3" fill="none"/>`,
  tote: (a) => html`
    <path d="M70 74C70 30 130 30 130 74" stroke="#c98b5a" stroke-width="7" fill="none"/>
    <path d="M38 70h124l-12 94H50z" fill="#f4efe4"/>
    <path d="M43 112h114l-4 30H47z" fill="${a}"/>
    <path d="M38 70h124l-1.4 11H39.4z" fill="#dccfb6"/>
    <circle cx="70" cy="78" r="4" fill="#b58a4c"/><circle cx="130" cy="78" r="4" fill="#b58a4c"/>
    <path d="M88 128l12-10 12 10-12 8z" fill="#f4efe4"/>`,
  rucksack: (a) => html`
    <path d="M58 60c-18 20-18 70-10 92M142 60c18 20 18 70 10 92" stroke="#2f4b37" stroke-width="9" fill="none"/>
    <rect x="54" y="48" width="92" height="118" rx="18" fill="${a}"/>
    <path d="M54 62c0-18 14-26 46-26s46 8 46 26v14H54z" fill="#3d6148"/>
    <path d="M84 36c0-14 32-14 32 0" stroke="#2f4b37" stroke-width="6" fill="none"/>
    <rect x="68" y="104" width="64" height="46" rx="9" fill="#648f70"/>
    <path d="M68 118h64" stroke="#3d6148" stroke-width="3"/>
    <path d="M82 70v22M118 70v22" stroke="#e9d8a6" stroke-width="6" stroke-linecap="round"/>`,
  pouch: (a) => html`
    <rect x="34" y="66" width="132" height="84" rx="16" fill="${a}"/>
    <path d="M34 88h132" stroke="#7e2f20" stroke-width="3"/>
    <path d="M34 84c0-12 6-18 16-18h100c10 0 16 6 16 18z" fill="#fff" opacity=".22"/>
    <path d="M150 88l12 16" stroke="#e9d8a6" stroke-width="6" stroke-linecap="round"/>
    <circle cx="100" cy="120" r="16" fill="none" stroke="#fff" stroke-width="3" opacity=".8"/>
    <path d="M100 106l5 14-5 14-5-14z" fill="#fff" opacity=".85"/>`,
  jumper: (a) => html`
    <path d="M72 46c10 10 46 10 56 0l30 16 20 82-26 8-14-52v70H62v-70l-14 52-26-8 20-82z" fill="#f7f4ec"/>
    <path d="M62 84h76M62 98h76M62 112h76M62 126h76M62 140h76" stroke="${a}" stroke-width="6"/>
    <path d="M39 82l18 6M35 98l19 6M31 114l19 6M27 130l19 6M161 82l-18 6M165 98l-19 6M169 114l-19 6M173 130l-19 6"
      stroke="${a}" stroke-width="6"/>
    <path d="M72 46c10 10 46 10 56 0l4 4c-12 14-52 14-64 0z" fill="${a}"/>
    <path d="M62 158h76v12H62z" fill="${a}"/>`,
  beanie: (a) => html`
    <circle cx="100" cy="44" r="16" fill="#f7f4ec"/>
    <path d="M44 128c0-52 20-78 56-78s56 26 56 78z" fill="${a}"/>
    <path d="M70 66c-6 16-9 36-9 60M88 56c-4 20-5 44-5 70M112 56c4 20 5 44 5 70M130 66c6 16 9 36 9 60"
      stroke="#5f7088" stroke-width="4" fill="none"/>
    <rect x="38" y="118" width="124" height="34" rx="10" fill="#93a4b9"/>
    <path d="M54 120v30M70 120v30M86 120v30M102 120v30M118 120v30M134 120v30M148 120v30" stroke="#7c8fa6"
      stroke-width="4"/>`,
  scarf: (a) => html`
    <path d="M58 44c22 18 62 18 84 0l14 22c-30 26-82 26-112 0z" fill="${a}"/>
    <path d="M62 66l40 12-8 84H56z" fill="${a}"/><path d="M98 78l40-12 10 74h-42z" fill="#8e2f54"/>
    <path d="M58 118h38l-1 14H57zM57 140h38l-1 10H57z" fill="#f6c9d6"/>
    <path d="M104 110h40l2 12h-41z" fill="#f6c9d6" opacity=".8"/>
    <path d="M60 162v12M70 162v12M80 162v12M90 162v12M112 140v12M122 140v12M132 140v12M142 140v12" stroke="${a}"
      stroke-width="4"/>`,
  mug: (a) => html`
    <path d="M136 82c34-8 40 50 0 48" stroke="${a}" stroke-width="12" fill="none"/>
    <path d="M48 62h92v84c0 12-10 18-20 18H68c-10 0-20-6-20-18z" fill="${a}"/>
    <ellipse cx="94" cy="62" rx="46" ry="10" fill="#1d6f66"/><ellipse cx="94" cy="63" rx="39" ry="7" fill="#5b3a24"/>
    <path d="M60 84v56" stroke="#fff" stroke-width="6" opacity=".35" stroke-linecap="round"/>
    <path d="M80 44c-6-8 6-12 0-20M100 44c-6-8 6-12 0-20" stroke="#9fb8bd" stroke-width="4" fill="none"
      stroke-linecap="round"/>
    <path d="M82 112l16-22 16 22zM78 118h40l-6 10H84z" fill="#fff" opacity=".85"/>`,
  lantern: (a) => html`
    <path d="M80 40c0-20 40-20 40 0" stroke="#3a3a44" stroke-width="6" fill="none"/>
    <path d="M74 52l26-20 26 20z" fill="${a}"/>
    <circle cx="100" cy="94" r="52" fill="#ffd97a" opacity=".35"/>
    <rect x="76" y="52" width="48" height="84" rx="6" fill="#fff4d0"/>
    <path d="M100 74c16 20 12 40 0 40s-16-20 0-40z" fill="#f2a93b"/>
    <path d="M100 92c6 9 5 18 0 18s-6-9 0-18z" fill="#fff"/>
    <path d="M76 52v84M124 52v84M100 52v12" stroke="#3a3a44" stroke-width="4"/>
    <path d="M66 136h68l8 28H58z" fill="${a}"/><path d="M63 148h74" stroke="#fff" stroke-width="5" opacity=".7"/>`,
  blanket: (a) => html`
    <path d="M36 146c0-8 6-14 14-14h100c8 0 14 6 14 14v8c0 8-6 12-14 12H50c-8 0-14-4-14-12z" fill="#a9844b"/>
    <path d="M40 112c0-8 6-14 14-14h92c8 0 14 6 14 14v10c0 8-6 12-14 12H54c-8 0-14-4-14-12z" fill="${a}"/>
    <path d="M44 78c0-8 6-14 14-14h84c8 0 14 6 14 14v10c0 8-6 12-14 12H58c-8 0-14-4-14-12z" fill="#dfc598"/>
    <path d="M70 64v102M84 64v102" stroke="#f7f0e3" stroke-width="6"/>
    <path d="M130 64v102" stroke="#7f5f2f" stroke-width="5"/>
    <path d="M60 166v10M74 166v10M88 166v10M102 166v10M116 166v10M130 166v10M144 166v10" stroke="#a9844b"
      stroke-width="3.5"/>`,
};

/** The product's picture, with a name for those who do not see it. */
export function picture({ shape, colours: [a, b], name }) {
  return html`<svg class="picture" viewBox="0 0 200 200" role="img" aria-label="${name}">
    <rect width="200" height="200" fill="${b}"/><circle cx="150" cy="46" r="70" fill="#fff" opacity=".4"/>
    <ellipse cx="100" cy="170" rx="72" ry="9" fill="#12263a" opacity=".13"/>${SHAPES[shape](a)}</svg>`;
}

/** A band of sea that is wide enough to drift by one wave, whose length is 80, without showing its end. */
const wave = (name, top, height, colour) => html`<path class="wave ${name}" fill="${colour}"
  d="M-80 ${top}q20 -${height} 40 0t40 0${" 40 0".repeat(28)}v200H-80z"/>`;

/** The sea of the first page, with a boat and its wake. */
export const sea = () => html`<svg class="sea" viewBox="0 0 1000 400" preserveAspectRatio="xMaxYMax slice"
    aria-hidden="true">
  <circle cx="850" cy="110" r="54" fill="#f6bd60"/>
  <path d="M560 70q12-14 22 0q10-14 22 0M640 106q8-9 15 0q7-9 15 0" fill="none" stroke="#12263a" stroke-width="3.5"
    stroke-linecap="round" opacity=".5"/>
  <path d="M0 292c150-16 240 8 420 0s330-14 580 2v120H0z" fill="#a9d0da"/>
  <g class="boat"><path d="M716 124v146" stroke="#5b4a2f" stroke-width="6"/><path d="M722 128l78 118h-78z" fill="#fff"/>
    <path d="M710 146v100h-58z" fill="#e4572e"/><path d="M630 262h184c-6 34-24 50-44 50h-94c-24 0-40-18-46-50z"
    fill="#12263a"/><path d="M634 275h176" stroke="#f4f1ea" stroke-width="4"/></g>
  ${wave("wave-1", 310, 16, "#6fb3c6")}${wave("wave-2", 338, 18, "#3d93ab")}${wave("wave-3", 368, 18, "#1f6f8b")}
  <path d="M250 322q90-10 190 0q90 8 180-4M330 350q70-8 150 2" stroke="#fff" stroke-width="3" fill="none"
    opacity=".6" stroke-linecap="round"/></svg>`;
