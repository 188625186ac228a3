// A redis-server of a test's own, which may be stopped, held still and started again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createClient } from "redis";

export async function until(what, ask, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class RedisServer {
  #child = null;

  static async start() {
    const server = new RedisServer();
    server.port = await freePort();
    server.url = `redis://127.0.0.1:${server.port}`;
    await server.again();
    return server;
  }

  /** Starts, or starts again, empty. */
  async again() {
    const options = ["--bind", "127.0.0.1", "--port", String(this.port), "--save", "", "--appendonly", "no"];
    this.#child = spawn("redis-server", options, { stdio: "ignore" });
    this.client = await until("redis-server, of the Debian package of that name", async () => {
      const client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
      client.on("error", () => {});
      const there = await client.connect().catch(() => null);
      return there;
    });
  }

  hold() {
    this.#child.kill("SIGSTOP");
  }

  release() {
    this.#child.kill("SIGCONT");
  }

  async stop() {
    this.client?.destroy();
    this.client = null;
    if (!this.#child) return;
    const child = this.#child;
    this.#child = null;
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  async profile(id, fields) {
    await this.client.hSet(`sl:shop:${id}`, fields);
  }

  /** An entry or exit, as a writer tells it: the profile is readable before. */
  async change(id, segment, change) {
    const entry = { id, segment, change, at: String(Date.now()), v: "2" };
    await this.client.xAdd("sl:shop:changes", "*", entry);
  }
}
