package io.sillage.android

import androidx.compose.runtime.AbstractApplier
import androidx.compose.runtime.BroadcastFrameClock
import androidx.compose.runtime.Composable
import androidx.compose.runtime.Composition
import androidx.compose.runtime.Recomposer
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.compose.runtime.snapshots.Snapshot
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Before
import org.junit.Test

/** With Compose's own runtime, and nothing to draw. */
class TrackScreenTest : SystemTest() {
    private val clock = BroadcastFrameClock()
    private val recomposer = Recomposer(Dispatchers.Unconfined + clock)
    private var shown by mutableStateOf("Products")
    private var amount by mutableStateOf(1)

    private class Nowhere : AbstractApplier<Unit>(Unit) {
        override fun insertTopDown(index: Int, instance: Unit) = Unit

        override fun insertBottomUp(index: Int, instance: Unit) = Unit

        override fun remove(index: Int, count: Int) = Unit

        override fun move(from: Int, to: Int, count: Int) = Unit

        override fun onClear() = Unit
    }

    private fun compose(content: @Composable () -> Unit) =
        Composition(Nowhere(), recomposer).apply { setContent(content) }

    private fun frame() {
        Snapshot.sendApplyNotifications()
        clock.sendFrame(System.nanoTime())
    }

    @Before
    fun begin() {
        CoroutineScope(Dispatchers.Unconfined + clock).launch { recomposer.runRecomposeAndApplyChanges() }
        start { trackLifecycle = false }
    }

    @After
    fun cancel() = recomposer.cancel()

    @Test
    fun `a screen is told when it is shown, and not when it is drawn again`() {
        compose { TrackScreen(shown, mapOf("amount" to amount)) }
        amount = 2
        frame()
        shown = "Cart"
        frame()
        assertEquals(listOf("screen Products", "screen Cart"), delivered())
        assertEquals(listOf(1, 2), collector.events.map { it["properties"].asJsonObject["amount"].asInt })
    }

    @Test
    fun `a rotation does not tell it again, and a way back does`() {
        val before = compose { TrackScreen("Products") }
        screens()?.recreating()
        before.dispose()
        val after = compose { TrackScreen("Products") }
        after.dispose()
        compose { TrackScreen("Products") }
        assertEquals(listOf("screen Products", "screen Products"), delivered())
    }
}
