package io.sillage.example;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.annotations.SerializedName;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * {@code Lookup [--cluster] [--now MS] [--page FILE] [--measure N] URL PROJECT [PERSON...]}
 *
 * <p>Prints which hero each person sees, a line of JSON for each; without persons, reads them from the
 * standard input. With {@code --measure}, what N lookups of the first one took.
 */
public final class Lookup {

    private static final Gson JSON = new GsonBuilder()
            .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
            .serializeNulls()
            .create();

    private record Read(long deadlineMs, @SerializedName("default") String usual, List<Page.Rule> variants) {}

    private record Measured(int lookups, long p50Us, long p99Us, long maxUs, int unavailable) {}

    public static void main(String[] args) throws IOException {
        boolean cluster = false;
        Long now = null;
        int lookups = 0;
        Path file = Path.of("../hero.json");
        var rest = new ArrayList<String>();
        for (int at = 0; at < args.length; at++) {
            switch (args[at]) {
                case "--cluster" -> cluster = true;
                case "--now" -> now = Long.valueOf(args[++at]);
                case "--page" -> file = Path.of(args[++at]);
                case "--measure" -> lookups = Integer.parseInt(args[++at]);
                default -> rest.add(args[at]);
            }
        }
        Read read = JSON.fromJson(Files.readString(file), Read.class);
        Page page = new Page(read.deadlineMs, read.usual, read.variants);
        List<String> persons = rest.subList(2, rest.size());
        try (Hero hero = new Hero(rest.get(0), rest.get(1), page, cluster)) {
            hero.warm();
            if (lookups > 0) {
                System.out.println(JSON.toJson(measure(hero, persons.get(0), lookups)));
                return;
            }
            var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String person : persons.isEmpty() ? (Iterable<String>) in.lines()::iterator : persons) {
                var answer = hero.choose(person, now == null ? System.currentTimeMillis() : now);
                System.out.println(JSON.toJson(answer));
            }
        }
    }

    private static Measured measure(Hero hero, String person, int lookups) {
        long[] took = new long[lookups];
        int unavailable = 0;
        for (int n = 0; n < lookups; n++) {
            long started = System.nanoTime();
            var answer = hero.choose(person, System.currentTimeMillis());
            took[n] = (System.nanoTime() - started) / 1000;
            if (answer.reason().equals("unavailable")) unavailable++;
        }
        Arrays.sort(took);
        long p99 = took[lookups * 99 / 100];
        return new Measured(lookups, took[lookups / 2], p99, took[lookups - 1], unavailable);
    }
}
