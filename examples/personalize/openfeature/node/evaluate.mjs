// What a flag is for a profile: plain functions, which know no Redis, no cache and no clock.
import { StandardResolutionReasons as Reason } from "@openfeature/server-sdk";
import { decayed, decide, number } from "../../node/decide.mjs";

const KINDS = { segment: "boolean", variants: "string", score: "number", profile: "object" };

/** The type of a flag's values, from what it is made of. */
export function typeOf(name, flag) {
  const kinds = Object.keys(KINDS).filter((kind) => flag[kind] !== undefined);
  if (kinds.length !== 1) throw new TypeError(`flag ${name} needs one of ${Object.keys(KINDS).join(", ")}`);
  return KINDS[kinds[0]];
}

/** The segments on which a flag depends; of a profile and of scores, all. */
export function dependsOn(flag, segment) {
  if (flag.segment !== undefined) return flag.segment === segment;
  return flag.variants === undefined || flag.variants.some((rule) => rule.segment === segment);
}

/** What is told about the profile behind a value. Each reader counts ages from `as_of` itself. */
function metadataOf({ fields }) {
  if (fields.as_of === undefined) return { known: false };
  return { known: true, as_of: number(fields.as_of), v: number(fields.v ?? "0") };
}

/** The resolution of a flag; `found` is what Redis holds: the fields, and the half-life. */
export function evaluate(flag, fallback, found, now) {
  const flagMetadata = metadataOf(found);
  if (flag.segment !== undefined) return membership(flag, found.fields, flagMetadata, now);
  if (flag.variants !== undefined) return variant(flag, fallback, found, flagMetadata, now);
  const nothing = { value: fallback, reason: Reason.DEFAULT, flagMetadata };
  if (!flagMetadata.known) return nothing;
  if (flag.profile !== undefined) {
    return { value: profile(found, now), reason: Reason.TARGETING_MATCH, flagMetadata };
  }
  const value = scoreOf(flag.score, found, now);
  return value === undefined ? nothing : { value, reason: Reason.TARGETING_MATCH, flagMetadata };
}

function membership(flag, fields, flagMetadata, now) {
  const enteredAt = fields[`seg:${flag.segment}`];
  if (enteredAt === undefined) {
    return { value: false, variant: "off", reason: Reason.DEFAULT, flagMetadata };
  }
  // Who is in a segment of the last hour leaves it at a deadline. If what is there is older than
  // that, nobody has written since, and the membership is over.
  if (now - flagMetadata.as_of > (flag.as_of_max_age_ms ?? Infinity)) {
    return { value: false, variant: "off", reason: Reason.STALE, flagMetadata };
  }
  const more = { ...flagMetadata, segment: flag.segment, entered_at: number(enteredAt) };
  return { value: true, variant: "on", reason: Reason.TARGETING_MATCH, flagMetadata: more };
}

function variant(flag, fallback, { fields, halfLife }, flagMetadata, now) {
  const answer = decide({ default: null, ...flag }, fields, halfLife, now);
  if (answer.reason === "unknown" || answer.reason === "default") {
    const named = flag.default === undefined ? {} : { variant: flag.default };
    return { value: flag.default ?? fallback, ...named, reason: Reason.DEFAULT, flagMetadata };
  }
  const more = { ...flagMetadata };
  if (answer.segment !== null) Object.assign(more, { segment: answer.segment, entered_at: answer.entered_at });
  return { value: answer.variant, variant: answer.variant, reason: Reason.TARGETING_MATCH, flagMetadata: more };
}

/** A score as it is now; nothing without it, or without the half-life by which it decays. */
function scoreOf(name, { fields, halfLife }, now) {
  const published = fields[`score:${name}`];
  if (published === undefined || halfLife == null) return undefined;
  return decayed(number(published), number(fields.as_of), number(halfLife), now);
}

function profile(found, now) {
  const value = { segments: {}, scores: {}, session: {}, traits: {}, as_of: number(found.fields.as_of) };
  for (const [field, text] of Object.entries(found.fields)) {
    const colon = field.indexOf(":");
    const [kind, name] = [field.slice(0, colon), field.slice(colon + 1)];
    if (kind === "seg") value.segments[name] = number(text);
    if (kind === "score") value.scores[name] = scoreOf(name, found, now) ?? number(text);
    if (kind === "sess") value.session[name] = name === "id" ? text : number(text);
    if (kind === "trait") value.traits[name] = text;
  }
  return value;
}
