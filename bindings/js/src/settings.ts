import { Do, type Field } from "./core.js";
import type { Settings } from "./types.js";

const signals = ["ignore", "record", "deny"];

/** The configuration of the core, as commands. Lists and numbers are named in core/src/face.rs. */
export const configuration = ({ consent = {}, sampling = {}, keepLongest = [] }: Settings): Field[] => [
  ...keepLongest.flatMap((name) => [Do.Name, 0, name, ""]),
  ...Object.entries(sampling).flatMap(([name, share]) => [Do.Name, 2, name, Math.round(share * 2 ** 32)]),
  ...(consent.required ?? []).flatMap((category) => [Do.Name, 3, category, ""]),
  ...Object.entries(consent.byEvent ?? {}).flatMap(([name, needed]) =>
    (needed.length ? needed : [""]).flatMap((category) => [Do.Name, 4, name, category]),
  ),
  Do.Number,
  12,
  signals.indexOf(consent.gpc ?? "record"),
  Do.Number,
  13,
  signals.indexOf(consent.dnt ?? "ignore"),
];
