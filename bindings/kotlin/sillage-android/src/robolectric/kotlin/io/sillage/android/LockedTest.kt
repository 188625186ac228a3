package io.sillage.android

import android.content.Intent
import android.os.Looper
import android.os.UserManager
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import java.io.File

/** A phone that was started and not yet unlocked. */
class LockedTest : SystemTest() {
    @Before
    fun lock() = shadowOf(app.getSystemService(UserManager::class.java)).setUserUnlocked(false)

    private fun unlock() {
        shadowOf(app.getSystemService(UserManager::class.java)).setUserUnlocked(true)
        app.sendBroadcast(Intent(Intent.ACTION_USER_UNLOCKED))
        shadowOf(Looper.getMainLooper()).idle()
    }

    private val files get() = app.noBackupFilesDir.list()?.toList()

    @Test
    fun `until it is unlocked calls wait in memory, and no file is touched`() {
        val sillage = start()
        sillage.track("Tried")
        assertEquals(1, sillage.flush(50))
        assertEquals(emptyList<String>(), files)
        assertEquals(emptyList<String>(), collector.names)
    }

    @Test
    fun `once it is unlocked all comes in order, with the times of the calls`() {
        val sillage = start()
        sillage.track("Tried")
        val called = System.currentTimeMillis()
        until("some time has passed") { System.currentTimeMillis() > called + 300 }
        unlock()
        assertEquals(listOf("Application Installed", "Tried"), delivered())
        assertTrue(File(app.noBackupFilesDir, "sillage").isDirectory)
        val at = java.time.Instant.parse(event("Tried")["timestamp"].asString).toEpochMilli()
        assertTrue("$at is after $called", at <= called)
    }

    @Test
    fun `it starts once, however often it is unlocked`() {
        start()
        unlock()
        unlock()
        assertEquals(listOf("Application Installed"), delivered())
    }

    @Test
    fun `a durable call waits for nobody to unlock`() {
        val sillage = start { durable = true }
        val before = System.nanoTime()
        sillage.track("Tried")
        assertTrue(System.nanoTime() - before < 2_000_000_000)
        unlock()
        assertEquals(listOf("Application Installed", "Tried"), delivered())
    }

    @Test
    fun `a folder that can be read needs no unlocking`() {
        val device = app.createDeviceProtectedStorageContext()
        val own = File(device.noBackupFilesDir, "own")
        start { folder = own }
        assertEquals(listOf("Application Installed"), delivered())
        assertTrue(own.isDirectory)
        assertFalse(File(app.noBackupFilesDir, "sillage").exists())
    }
}
