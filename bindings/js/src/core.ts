/** The page's side of the core's two functions; what the bytes mean stands in core/src/face.rs. */

export type Field = string | number | Uint8Array;

/** What `core.wasm` and `core.js` export. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  room(length: number): number;
  run(): number;
}

/** Takes commands, gives the answers as fields. */
export type Core = (commands: readonly Field[]) => Uint8Array[];

/** Numbers of commands. */
export const enum Do {
  Number = 1,
  Name = 2,
  Clear = 3,
  Open = 10,
  Track = 11,
  Page = 12,
  Identify = 14,
  Group = 15,
  Alias = 16,
  Reset = 17,
  Consent = 18,
  Privacy = 19,
  Context = 20,
  Lifecycle = 21,
  Reply = 22,
  Tick = 23,
  Restored = 24,
  Act = 30,
  Tell = 31,
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const text = (field: Uint8Array | undefined): string => decoder.decode(field);

/** One crossing does any number of commands: it costs more than they do. */
export const over =
  (exports: Exports): Core =>
  (commands) => {
    const fields = commands.map((field) => (typeof field === "object" ? field : encoder.encode(`${field}`)));
    let at = exports.room(fields.reduce((size, field) => size + 4 + field.length, 0));
    let bytes = new Uint8Array(exports.memory.buffer);
    const length = (of: Uint8Array, from: number) => new DataView(of.buffer).getUint32(from, true);
    for (const field of fields) {
      new DataView(bytes.buffer).setUint32(at, field.length, true);
      bytes.set(field, at + 4);
      at += 4 + field.length;
    }
    at = exports.run();
    bytes = new Uint8Array(exports.memory.buffer); // it may have grown
    const end = at + 4 + length(bytes, at);
    const answers: Uint8Array[] = [];
    for (at += 4; at < end;) {
      const from = at + 4;
      at = from + length(bytes, at);
      answers.push(bytes.slice(from, at));
    }
    return answers;
  };

/** Where a page gets its core from. */
export interface Source {
  readonly wasm: string | URL;
  readonly integrity?: string;
  /** The same core as JavaScript. */
  readonly fallback: () => Promise<Exports>;
}

/**
 * WebAssembly, or the same as JavaScript where the page's policy forbids it (`wasm-unsafe-eval` is missing) or
 * the engine has none.
 */
export const load = async (source: Source): Promise<Core> => {
  try {
    const request = fetch(source.wasm, source.integrity ? { integrity: source.integrity } : {});
    const { instance } = await WebAssembly.instantiate(await (await request).arrayBuffer());
    return over(instance.exports as unknown as Exports);
  } catch {
    return over(await source.fallback());
  }
};
