// Tag Manager's sandbox as its documentation describes it: what a template may call, and what it needs for that.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const text = readFileSync(join(import.meta.dirname, "../../gtm/template.tpl"), "utf8");

/** The parts of the file, by their headings. */
export const parts = Object.fromEntries(
  text.split(/^___([A-Z_]+)___$/m).slice(1).reduce((pairs, part, index, all) =>
    index % 2 === 0 ? [...pairs, [part, all[index + 1].trim()]] : pairs, []));

const plain = (value) => {
  if (value.type === 2) return (value.listItem ?? []).map(plain);
  if (value.type === 3) {
    return Object.fromEntries(value.mapKey.map((key, at) => [key.string, plain(value.mapValue[at])]));
  }
  return value.type === 8 ? value.boolean : value.string;
};

/** What the template asks to be allowed: parameters by permission. */
export const permissions = Object.fromEntries(JSON.parse(parts.WEB_PERMISSIONS).map(({ instance }) => [
  instance.key.publicId,
  Object.fromEntries(instance.param.map(({ key, value }) => [key, plain(value)])),
]));

/** The permission that each function of the sandbox needs; none for those that touch nothing. */
export const NEEDS = {
  addConsentListener: "access_consent",
  copyFromDataLayer: "read_data_layer",
  createArgumentsQueue: "access_globals",
  getType: undefined,
  injectScript: "inject_script",
  isConsentGranted: "access_consent",
  makeNumber: undefined,
  makeTableMap: undefined,
  templateStorage: "access_template_storage",
};

const matches = (pattern, url) =>
  new RegExp(`^${pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\/]/g, "\\$&")).join(".*")}$`).test(url);

const allow = (isAllowed, what) => {
  if (!isAllowed) throw new Error(`not permitted: ${what}`);
};

/** Names of the browser and of the language that the sandbox does not have. */
const HIDDEN = ["window", "document", "globalThis", "self", "navigator", "console", "fetch", "setTimeout", "Object",
  "Array", "String", "Number", "Boolean", "JSON", "Math", "Date", "Promise", "Map", "Set", "Symbol", "Function",
  "process"];

/** Runs code as the sandbox would, with `require` and what else is given. */
export const execute = (code, given) => {
  const names = [...HIDDEN, ...Object.keys(given)];
  return new Function(...names, `"use strict";${code}`)(...HIDDEN.map(() => undefined), ...Object.values(given));
};

/** A page with a data layer, a state of consent, and the window that templates reach. */
export class Page {
  constructor({ layer = {}, granted = {}, page = {} } = {}) {
    Object.assign(this, { layer, granted, window: page, scripts: [], listeners: [], storage: {}, outcomes: [] });
  }

  /** What has been queued for the tag, as arrays. */
  get calls() {
    return (this.window.sillage?.q ?? []).map((args) => Array.from(args));
  }

  api() {
    const globals = permissions.access_globals?.keys ?? [];
    const mayUse = (key) => globals.some((entry) => entry.key === key && entry.read && entry.write);
    const readable = permissions.access_consent?.consentTypes.filter(({ read }) => read) ?? [];
    const consent = (type) => allow(readable.some(({ consentType }) => consentType === type), `consent ${type}`);
    return {
      addConsentListener: (type, listener) => {
        consent(type);
        this.listeners.push([type, listener]);
      },
      isConsentGranted: (type) => {
        consent(type);
        return this.granted[type] ?? true;
      },
      copyFromDataLayer: (key) => {
        allow(permissions.read_data_layer?.keyPatterns.includes(key), `data layer ${key}`);
        return structuredClone(this.layer[key]);
      },
      createArgumentsQueue: (name, arrayName) => {
        for (const key of [name, arrayName]) allow(mayUse(key), `global ${key}`);
        const page = this.window;
        page[name] ??= function () {
          page[name].q.push(arguments);
        };
        page[name].q ??= [];
        return page[name];
      },
      injectScript: (url, onSuccess, onFailure, token) => {
        allow(permissions.inject_script?.urls.some((pattern) => matches(pattern, url)), `script ${url}`);
        if (!this.scripts.some((script) => script.token === token)) this.scripts.push({ url, token });
        onSuccess();
      },
      getType: (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value),
      makeNumber: (value) => Number(value),
      makeTableMap: (rows, key, value) => Object.fromEntries(rows.map((row) => [row[key], row[value]])),
      templateStorage: {
        getItem: (key) => {
          allow(permissions.access_template_storage, "template storage");
          return this.storage[key] ?? null;
        },
        setItem: (key, value) => {
          allow(permissions.access_template_storage, "template storage");
          this.storage[key] = value;
        },
      },
    };
  }

  /** Fires the tag with these fields. `mocks` stand in for functions of the sandbox. */
  run(fields, mocks = {}) {
    const api = { ...this.api(), ...mocks };
    const data = {
      gtmOnSuccess: () => this.outcomes.push("success"),
      gtmOnFailure: () => this.outcomes.push("failure"),
      ...fields,
    };
    const require = (name) => {
      if (!(name in api)) throw new Error(`the sandbox has no ${name}`);
      return api[name];
    };
    execute(parts.SANDBOXED_JS_FOR_WEB_TEMPLATE, { require, data });
    return this;
  }

  /** The person answers. */
  answer(type, granted) {
    this.granted[type] = granted;
    for (const [listened, listener] of this.listeners) if (listened === type) listener(type, granted);
  }
}
