package io.sillage.android

import android.app.Application
import com.google.gson.JsonObject
import io.sillage.Sillage
import org.junit.After
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** The module in the system's own code, with the real native library and HTTP. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34])
abstract class SystemTest {
    internal val collector = Collector()
    internal val app: Application get() = RuntimeEnvironment.getApplication()

    internal fun start(configure: AndroidSettings.() -> Unit = {}) = Sillage.init(app, "wk_test") {
        endpoint = collector.endpoint
        configure()
    }

    /** All that is on its way has come. */
    internal fun delivered(): List<String> {
        until("all is delivered") { Sillage.current?.flush(5_000) == 0L && Sillage.current?.anonymousId != "" }
        return collector.names
    }

    internal fun event(name: String): JsonObject = collector.events.single { it["event"]?.asString == name }

    @After
    fun end() {
        // Nobody is waited for who does not answer.
        forget(if (collector.isOutOfOrder) 0 else 5_000)
        collector.close()
    }
}
