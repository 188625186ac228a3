package io.sillage.android

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

class AppEventsTest {
    private val tracked = mutableListOf<Pair<String, Map<String, Any?>>>()
    private val now = AppVersion("2.4.0", "240")
    private val events = AppEvents(now) { event, properties -> tracked.add(event to properties) }

    @TempDir
    lateinit var folder: File
    private val spool by lazy { File(folder, "sillage") }
    private val note by lazy { VersionNote(File(folder, "sillage.version"), spool) }

    @Test
    fun `a first run is an installation`() {
        events.runs(null)
        assertEquals(listOf("Application Installed" to mapOf("version" to "2.4.0", "build" to "240")), tracked)
    }

    @Test
    fun `another version than before is an update`() {
        events.runs(AppVersion("2.3.0", "230"))
        val before = mapOf("previous_version" to "2.3.0", "previous_build" to "230")
        val properties = before + mapOf("version" to "2.4.0", "build" to "240")
        assertEquals(listOf("Application Updated" to properties), tracked)
    }

    @Test
    fun `the same version is no event`() {
        events.runs(AppVersion("2.4.0", "240"))
        assertEquals(emptyList<Any>(), tracked)
    }

    @Test
    fun `an opening says whether the app was there before`() {
        events.opened(Foreground.Entry.LAUNCH)
        events.opened(Foreground.Entry.RETURN)
        events.left()
        val names = listOf("Application Opened", "Application Opened", "Application Backgrounded")
        assertEquals(names, tracked.map { it.first })
        assertEquals(listOf(false, true, null), tracked.map { it.second["from_background"] })
    }

    @Test
    fun `a kept version is read again, and a newer one takes its place`() {
        spool.mkdir()
        assertNull(note.read())
        note.keep(AppVersion("1", "10"))
        assertEquals(AppVersion("1", "10"), note.read())
        note.keep(now)
        assertEquals(now, note.read())
        assertEquals(setOf("sillage", "sillage.version"), folder.list()?.toSet())
    }

    @Test
    fun `nothing is written before the spool may be`() {
        note.keep(now)
        assertNull(note.read())
        assertEquals(0, folder.list()?.size)
    }

    @Test
    fun `a damaged note is none`() {
        File(folder, "sillage.version").writeText("2.4.0")
        assertNull(note.read())
        File(folder, "sillage.version").writeText("a\nb\nc")
        assertNull(note.read())
    }

    @Test
    fun `a version of two lines does not damage it`() {
        spool.mkdir()
        note.keep(AppVersion("1\n2", "10"))
        assertEquals(AppVersion("1 2", "10"), note.read())
        assertFalse(File(folder, "sillage.version.new").exists())
    }
}
