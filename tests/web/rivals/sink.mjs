import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

/**
 * A collector of every kind on one loopback port: pages and scripts by path, and to each tracker the answer that it
 * takes for success, at once. A tracker that is answered with failure would be measured at retrying.
 */
export async function startSink() {
  const files = new Map();
  const names = new Map();
  const received = new Map();
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const path = new URL(request.url, "http://sink").pathname;
      const [, owner] = path.split("/");
      if (request.method === "POST") received.set(owner, (received.get(owner) ?? 0) + 1);
      const file = files.get(path) ?? names.get(path.split("/").at(-1));
      const { status, type, body } = answer(file, request, path, Buffer.concat(chunks));
      response.writeHead(status, {
        "Content-Type": type,
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": request.headers.origin ?? "*",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": request.headers["access-control-request-headers"] ?? "*",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        // Isolated pages have a clock of 5 us instead of 100 us.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "cross-origin",
      });
      response.end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    serve: (path, type, body) => files.set(path, { status: 200, type, body }),
    /** The file of this name, below any path. */
    serveName: (name, body) => names.set(name, { status: 200, type: typeOf(name), body }),
    /** Requests with a body so far, by the first part of their path. */
    received: (owner) => received.get(owner) ?? 0,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections?.()),
  };
}

const json = (value) => ({ status: 200, type: "application/json", body: JSON.stringify(value) });

const typeOf = (name) => (name.endsWith(".wasm") ? "application/wasm" : "text/javascript");

function answer(file, request, path, body) {
  if (file) return file;
  if (request.method === "OPTIONS") return { status: 204, type: "text/plain", body: "" };
  if (path.startsWith("/v1/")) return ours(body);
  if (path.startsWith("/segment/")) return json(SEGMENT_SETTINGS(request.headers.host));
  if (path.startsWith("/posthog/flags")) return json({ featureFlags: {}, featureFlagPayloads: {} });
  if (path.startsWith("/posthog/array") && path.endsWith("/config")) return json(POSTHOG_CONFIG);
  if (path.startsWith("/posthog/static") || path.endsWith(".js")) return { status: 404, type: "text/plain", body: "" };
  if (path.startsWith("/posthog/")) return json({ status: 1 });
  if (path.startsWith("/mixpanel/")) return json({ status: 1, error: null });
  if (path.startsWith("/amplitude/")) return json({ code: 200, events_ingested: 1 });
  if (path.startsWith("/rudderstack/sourceConfig")) return json(RUDDERSTACK_SOURCE);
  if (path.startsWith("/countly/")) return json({ result: "Success" });
  if (path.startsWith("/plausible/")) return { status: 202, type: "text/plain", body: "ok" };
  if (path === "/favicon.ico") return { status: 204, type: "image/x-icon", body: "" };
  return json({ ok: true, success: true });
}

/** As docs/WIRE.md says: the batch's own id, and a verdict that accounts for each event. */
function ours(body) {
  if (body.length === 0) return { status: 400, type: "application/problem+json", body: '{"status":400}' };
  const text = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
  const sent = JSON.parse(text.toString("utf8"));
  return json({
    success: true,
    batchId: sent.sillage?.batchId,
    accepted: sent.batch.length,
    duplicates: 0,
    rejected: [],
    receivedAt: new Date().toISOString(),
    sentAt: sent.sentAt,
  });
}

const SEGMENT_SETTINGS = (host) => ({
  integrations: { "Segment.io": { apiKey: "key", apiHost: `${host}/segment/v1`, protocol: "http" } },
  plan: { track: { __default: { enabled: true, integrations: {} } } },
  edgeFunction: {},
  analyticsNextEnabled: true,
  middlewareSettings: {},
  enabledMiddleware: {},
});

const POSTHOG_CONFIG = {
  supportedCompression: ["gzip", "gzip-js"],
  hasFeatureFlags: false,
  sessionRecording: false,
  surveys: false,
  heatmaps: false,
  captureDeadClicks: false,
  autocapture_opt_out: false,
};

const RUDDERSTACK_SOURCE = {
  source: {
    id: "source",
    name: "shop",
    writeKey: "key",
    enabled: true,
    workspaceId: "workspace",
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    destinations: [],
    dataplanes: {},
  },
  updatedAt: "2026-11-01T00:00:00.000Z",
};
