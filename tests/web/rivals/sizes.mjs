import { readFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = new URL(".", import.meta.url).pathname;

/** Bytes raw, gzip -9, brotli -11. */
export function weigh(bytes) {
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length,
    brotli: brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }).length,
  };
}

/** The rival's entry and all that it imports, minified into one script. */
export async function bundle(rival) {
  const built = await build({
    stdin: { contents: rival.entry, resolveDir: HERE, sourcefile: "entry.js" },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2020",
    legalComments: "none",
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  });
  return Buffer.from(built.outputFiles[0].contents);
}

/** The version that is installed, from the package's own file. */
export async function version(rival) {
  return JSON.parse(await readFile(`${HERE}node_modules/${rival.package}/package.json`, "utf8")).version;
}

const OURS = ["stub.js", "tag.js", "core.wasm", "core.js"];

/** Our files that exist in `dist`, by name. */
export async function ourFiles(dist) {
  const files = new Map();
  for (const name of OURS) {
    const bytes = await readFile(`${dist}/${name}`).catch(() => undefined);
    if (bytes) files.set(name, bytes);
  }
  return files;
}

const sum = (a, b) => ({ raw: a.raw + b.raw, gzip: a.gzip + b.gzip, brotli: a.brotli + b.brotli });

/** What each of our files weighs, and what a page loads: each file compressed alone, as it is sent. */
export function weighOurs(files) {
  const parts = new Map([...files].map(([name, bytes]) => [name, weigh(bytes)]));
  const rows = [...parts].map(([name, size]) => ({ name: `sillage ${name}`, ...size }));
  const [tag, wasm, core] = ["tag.js", "core.wasm", "core.js"].map((name) => parts.get(name));
  if (tag && wasm) rows.push({ name: "**sillage: tag.js + core.wasm**", ...sum(tag, wasm) });
  if (tag && core) rows.push({ name: "sillage under a CSP without wasm: tag.js + core.js", ...sum(tag, core) });
  return rows;
}
