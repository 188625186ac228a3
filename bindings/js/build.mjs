// Builds everything that a page loads into dist/: the core as WebAssembly and as JavaScript, the tag, the
// snippet, the ES module and its types, each file also compressed, and a manifest with their hashes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = import.meta.dirname;
const dist = join(here, "dist");
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const run = (command, args, env = {}) =>
  execFileSync(command, args, {
    cwd: here,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
const tool = (name, ...args) => run(join(here, "node_modules", ".bin", name), args);

/** The core. Without the sources of the standard library (rustup's component rust-src) it grows by its panics. */
function core() {
  const root = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache", "sillage", "target");
  const target = join(root, "web");
  const sysroot = run("rustc", ["--print", "sysroot"]).toString().trim();
  const small = existsSync(join(sysroot, "lib/rustlib/src/rust/library/alloc"));
  if (!small) console.warn("build: rust-src is missing, the core will be larger than it is shipped");
  const flags = small ? ["-Zbuild-std=core,alloc", "-Zbuild-std-features=optimize_for_size"] : [];
  run(
    "cargo",
    [
      "rustc",
      "--locked",
      "-p",
      "sillage-web",
      "--profile",
      "web",
      "--target",
      "wasm32-unknown-unknown",
      "--crate-type",
      "cdylib",
      ...flags,
    ],
    {
      CARGO_TARGET_DIR: target,
      RUSTC_BOOTSTRAP: "1", // panic=immediate-abort and build-std have no stable form yet
      RUSTFLAGS: `${small ? "-Zunstable-options -Cpanic=immediate-abort " : ""}-Clink-arg=-zstack-size=131072`,
    },
  );
  const wasm = join(target, "wasm32-unknown-unknown", "web", "sillage_web.wasm");
  // Named one by one: with --all-features wasm-opt writes what no engine reads.
  const features = [
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
  ];
  tool(
    "wasm-opt",
    wasm,
    "-Oz",
    "--converge",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    ...features,
    "-o",
    join(dist, "core.wasm"),
  );
  const plain = join(target, "plain.wasm");
  tool(
    "wasm-opt",
    join(dist, "core.wasm"),
    ...features,
    "--signext-lowering",
    "--llvm-nontrapping-fptoint-lowering",
    "--llvm-memory-copy-fill-lowering",
    "-Oz",
    "-o",
    plain,
  );
  const source = join(target, "core.js");
  tool("wasm2js", plain, "-Oz", "-o", source);
  // As it comes, it starts itself when it is loaded, and once only.
  const [whole, imports] = /var retasmFunc = asmFunc\((\{[^]*?\})\);[^]*$/.exec(readFileSync(source, "utf8"));
  writeFileSync(
    source,
    readFileSync(source, "utf8").replace(whole, `export const open = () => asmFunc(${imports});\n`),
  );
  esbuild.buildSync({
    entryPoints: [source],
    outfile: join(dist, "core.js"),
    format: "esm",
    minify: true,
    target: "es2022",
    logLevel: "warning",
  });
}

const sha384 = (bytes) => createHash("sha384").update(bytes).digest("base64");

function shell() {
  const common = {
    bundle: true,
    minify: true,
    target: "es2022",
    logLevel: "warning",
    mangleProps: /_$/,
    legalComments: "none",
    define: {
      VERSION: JSON.stringify(version),
      CORE_INTEGRITY: JSON.stringify(`sha384-${sha384(readFileSync(join(dist, "core.wasm")))}`),
    },
  };
  const entry = (name) => join(here, "src", name);
  esbuild.buildSync({
    ...common,
    entryPoints: [entry("tag.ts")],
    outfile: join(dist, "tag.js"),
    format: "iife",
  });
  esbuild.buildSync({
    ...common,
    entryPoints: [entry("auto/more.ts")],
    outfile: join(dist, "more.js"),
    format: "esm",
  });
  esbuild.buildSync({
    ...common,
    entryPoints: [entry("stub.ts")],
    outfile: join(dist, "stub.js"),
    format: "iife",
    target: "es2015",
  });
  const modules = ["index.ts", "react.tsx", "next.ts"].map(entry).filter(existsSync);
  esbuild.buildSync({
    ...common,
    entryPoints: modules,
    outdir: dist,
    format: "esm",
    splitting: true,
    minify: false,
    external: ["react"],
  });
  tool(
    "tsc",
    "-p",
    here,
    "--noEmit",
    "false",
    "--emitDeclarationOnly",
    "--declaration",
    "--rootDir",
    entry(""),
    "--outDir",
    join(dist, "types"),
  );
}

const types = { js: "text/javascript; charset=utf-8", wasm: "application/wasm" };

function finish() {
  const files = {};
  for (const name of readdirSync(dist)
    .filter((name) => /\.(js|wasm)$/.test(name))
    .sort()) {
    const bytes = readFileSync(join(dist, name));
    writeFileSync(join(dist, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(join(dist, `${name}.br`), brotliCompressSync(bytes, { params }));
    files[name] = { sha384: sha384(bytes), type: types[name.split(".").pop()] };
  }
  writeFileSync(join(dist, "manifest.json"), `${JSON.stringify({ version, files }, null, 1)}\n`);
  for (const name of ["stub.js", "tag.js", "more.js", "core.wasm", "core.js"]) {
    const size = (end) => readFileSync(join(dist, name + end)).length;
    console.log(`${name.padEnd(10)} ${size("")} bytes, ${size(".gz")} gzip -9, ${size(".br")} brotli -11`);
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
core();
if (process.argv[2] !== "core") shell();
if (process.argv[2] !== "core") finish();
