package io.sillage.testing

import java.io.File

/** The repository that this is tested in. */
val repository: File = generateSequence(File("").absoluteFile) { it.parentFile }
    .first { File(it, "tests/fixtures/scenarios").isDirectory }

/** The module's own folder. */
val module = File(repository, "bindings/kotlin/sillage")

/** Asks again until there is an answer, at most [seconds]. */
fun <T : Any> until(what: String, seconds: Long = 20, ask: () -> T?): T {
    val deadline = System.nanoTime() + seconds * 1_000_000_000
    while (true) {
        ask()?.let { return it }
        check(System.nanoTime() < deadline) { "waited $seconds s for $what" }
        Thread.sleep(5)
    }
}
