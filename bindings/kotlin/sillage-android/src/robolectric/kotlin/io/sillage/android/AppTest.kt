package io.sillage.android

import android.app.Activity
import io.sillage.Sillage
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import java.io.File

class AppTest : SystemTest() {
    private class CartActivity : Activity()

    @Test
    fun `a first start is installed, opened, seen and left, in this order`() {
        start()
        val list = Robolectric.buildActivity(Activity::class.java).setup()
        list.pause().stop()
        val names = listOf("Application Installed", "Application Opened", "screen Activity", "Application Backgrounded")
        assertEquals(names, delivered())
    }

    @Test
    fun `a rotation opens nothing, leaves nothing and shows nothing new`() {
        start()
        Robolectric.buildActivity(Activity::class.java).setup().recreate()
        assertEquals(listOf("Application Installed", "Application Opened", "screen Activity"), delivered())
    }

    @Test
    fun `two screens and the way back are three`() {
        start { trackLifecycle = false }
        val list = Robolectric.buildActivity(Activity::class.java).setup()
        list.pause()
        val cart = Robolectric.buildActivity(CartActivity::class.java).setup()
        list.stop()
        cart.pause()
        list.restart().resume()
        cart.stop().destroy()
        assertEquals(listOf("screen Activity", "screen Cart", "screen Activity"), delivered())
    }

    @Test
    fun `an app that wants neither is left alone`() {
        start { trackLifecycle = false; trackScreens = false }
        Robolectric.buildActivity(Activity::class.java).setup().pause().stop()
        Sillage.current?.track("Tried")
        assertEquals(listOf("Tried"), delivered())
    }

    @Test
    fun `an app that is left sends what waits, without being asked`() {
        start { flushInBackground = false; batchAgeMs = 600_000 }
        Robolectric.buildActivity(Activity::class.java).setup().pause().stop()
        until("it is delivered") { collector.names.lastOrNull() == "Application Backgrounded" }
    }

    @Test
    fun `what is called before the start comes in its order`() {
        val sillage = start()
        for (number in 1..100) sillage.track("Tried $number")
        assertEquals(listOf("Application Installed") + (1..100).map { "Tried $it" }, delivered())
    }

    @Test
    fun `a second start gives the same client`() {
        val first = start()
        assertSame(first, Sillage.init(app, "wk_other"))
        assertSame(first, Sillage.current)
    }

    @Test
    fun `another start of the same version installs nothing, and goes on with the same device`() {
        val first = start()
        delivered()
        val device = first.anonymousId
        forget(5_000)
        start()
        Sillage.current?.track("Tried")
        assertEquals(listOf("Application Installed", "Tried"), delivered())
        assertEquals(device, Sillage.current?.anonymousId)
    }

    @Test
    fun `files lie where no backup finds them`() {
        start()
        delivered()
        assertTrue(File(app.noBackupFilesDir, "sillage/lane-0").isDirectory)
        assertTrue(File(app.noBackupFilesDir, "sillage.version").isFile)
    }

    @Test
    fun `before a consent nothing is written, and the installation is told once it is given`() {
        val sillage = start { consentRequired = listOf("analytics") }
        sillage.flush(5_000)
        val list = Robolectric.buildActivity(Activity::class.java).setup()
        assertEquals(emptyList<String>(), app.noBackupFilesDir.list()?.toList())
        sillage.consent(mapOf("analytics" to true))
        until("files may be written") { File(app.noBackupFilesDir, "sillage").isDirectory }
        list.pause().stop()
        assertEquals("Application Installed", delivered().first())
        until("the version is kept") { File(app.noBackupFilesDir, "sillage.version").isFile }
    }

    @Test
    fun `the context says which app and device it is`() {
        start()
        delivered()
        val context = event("Application Installed")["whole"].asJsonObject
        assertEquals("sillage-android", context["library"].asJsonObject["name"].asString)
        assertEquals("Android", context["os"].asJsonObject["name"].asString)
        assertEquals("14", context["os"].asJsonObject["version"].asString)
        assertEquals("android", context["device"].asJsonObject["type"].asString)
        assertEquals(app.packageName, context["app"].asJsonObject["namespace"].asString)
        assertTrue(context["app"].asJsonObject.has("name"))
        assertTrue(context["screen"].asJsonObject["width"].asInt > 0)
        assertTrue(context.has("locale") && context.has("timezone"))
    }

    @Test
    fun `settings that throw leave the app alone`() {
        val sillage = Sillage.init(app, "wk_test") { error("a mistake") }
        sillage.track("Tried")
        Robolectric.buildActivity(Activity::class.java).setup().pause().stop()
        assertEquals(0, sillage.flush(1_000))
    }

    @Test
    fun `an address that is none leaves the app alone`() {
        val sillage = start { endpoint = "nowhere" }
        Robolectric.buildActivity(Activity::class.java).setup().pause().stop()
        sillage.track("Tried")
        assertEquals(0, sillage.flush(1_000))
    }
}
