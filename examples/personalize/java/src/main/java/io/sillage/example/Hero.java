package io.sillage.example;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.KeyValue;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.ClusterTopologyRefreshOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks up which variant of a page a person sees, in one round trip and within a deadline. Make one for
 * each process: all threads share its connection, and none waits for another.
 */
public final class Hero implements AutoCloseable {

    private static final Duration CONNECT = Duration.ofSeconds(1);

    /** How long a program that starts waits for Redis. */
    private static final long WARM_MS = 2000;

    private final AbstractRedisClient client;
    private final RedisURI uri;
    private final String project;
    private final Page page;
    private final String[] fields;
    private volatile CompletableFuture<RedisClusterAsyncCommands<String, String>> redis;
    private volatile boolean closed;

    /** Connects in the background: a Redis that is down now may come later. */
    public Hero(String url, String project, Page page, boolean cluster) {
        this.uri = RedisURI.create(url);
        this.project = project;
        this.page = page;
        this.fields = page.fields();
        var socket = SocketOptions.builder().connectTimeout(CONNECT).keepAlive(true).build();
        if (cluster) {
            var clustered = RedisClusterClient.create(uri);
            clustered.setOptions(ClusterClientOptions.builder()
                    .socketOptions(socket)
                    // While it is away, commands fail at once instead of waiting for it,
                    .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                    // and those that a hanging Redis has not answered are bounded.
                    .requestQueueSize(10_000)
                    // Without it, a replica that takes over is never found.
                    .topologyRefreshOptions(ClusterTopologyRefreshOptions.builder()
                            .enableAllAdaptiveRefreshTriggers()
                            .build())
                    .build());
            this.client = clustered;
        } else {
            var single = RedisClient.create(uri);
            single.setOptions(ClientOptions.builder()
                    .socketOptions(socket)
                    .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                    .requestQueueSize(10_000)
                    .build());
            this.client = single;
        }
        connect();
    }

    /** A connection that was made comes back by itself; the first one must be asked for until it is there. */
    private void connect() {
        CompletionStage<RedisClusterAsyncCommands<String, String>> first =
                client instanceof RedisClusterClient cluster
                        ? cluster.refreshPartitionsAsync() // it connects to nothing that it has not looked for
                                .thenCompose(looked -> cluster.connectAsync(StringCodec.UTF8))
                                .thenApply(StatefulRedisClusterConnection::async)
                        : ((RedisClient) client).connectAsync(StringCodec.UTF8, uri)
                                .thenApply(StatefulRedisConnection::async);
        redis = first.toCompletableFuture();
        redis.exceptionally(failed -> {
            if (!closed) {
                CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS).execute(this::connect);
            }
            return null;
        });
    }

    /** Connects, so that the first page need not. */
    public void warm() {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(Math.max(WARM_MS, page.deadlineMs()));
        while (System.nanoTime() < end) {
            try {
                redis.thenCompose(redis -> redis.hget(meta(), "schema"))
                        .get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                return;
            } catch (ExecutionException again) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            } catch (InterruptedException | TimeoutException later) {
                if (later instanceof InterruptedException) Thread.currentThread().interrupt();
                return; // it may be there at the first lookup
            }
        }
    }

    /** Never throws: a page without its hero is worse than a page with the usual one. */
    public Page.Answer choose(String person, long now) {
        try {
            // Both are sent at once, over as many nodes as it takes; a late answer is dropped.
            var both = redis.thenCompose(redis -> {
                var values = redis.hmget(Page.key(project, person), fields);
                var meta = redis.hmget(meta(), "schema", "half_life_ms");
                return values.thenCombine(meta, (of, with) -> List.of(plain(of), plain(with)));
            });
            var found = both.get(page.deadlineMs(), TimeUnit.MILLISECONDS);
            Map<String, String> meta = found.get(1);
            if (!meta.getOrDefault("schema", "1").equals("1")) return page.usual("unavailable");
            return page.decide(found.get(0), meta.get("half_life_ms"), now);
        } catch (Exception unavailable) { // count these in your metrics
            if (unavailable instanceof InterruptedException) Thread.currentThread().interrupt();
            return page.usual("unavailable");
        }
    }

    private String meta() {
        return "sl:" + project + ":meta";
    }

    private static Map<String, String> plain(List<KeyValue<String, String>> values) {
        var plain = new HashMap<String, String>();
        values.forEach(value -> value.ifHasValue(text -> plain.put(value.getKey(), text)));
        return plain;
    }

    @Override
    public void close() {
        closed = true;
        client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
    }
}
