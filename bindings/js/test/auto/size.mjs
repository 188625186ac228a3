// Prints what the captures weigh, by module and as a whole.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

const resolveDir = new URL("../../src/auto/", import.meta.url).pathname;
for (const [name, contents] of [
  ["first part", 'import { startCaptures } from "./index.ts"; globalThis.start = startCaptures;'],
  ["second part", 'import { more } from "./more.ts"; globalThis.more = more;'],
]) {
  const {
    outputFiles: [{ contents: bytes }],
    metafile,
  } = await build({
    stdin: { contents, resolveDir, loader: "ts" },
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2020",
    mangleProps: /_$/,
    write: false,
    metafile: true,
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    if (path !== "<stdin>") console.log(String(bytesInOutput).padStart(7), path.replace("src/auto/", ""));
  }
  console.log(`${String(bytes.length).padStart(7)} ${name}, minified; ${gzipSync(bytes, { level: 9 }).length} gzip -9`);
}
